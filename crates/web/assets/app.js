// What pages do beyond links and forms: copying, light and dark, not sending twice, the command of a form as it stands, saying that
// nobody answers, a log that stays at its end.
// Everything works without it.
"use strict";

(() => {
  const root = document.documentElement;
  const told = () => document.getElementById("told");

  // --- light and dark: as the system has it, until somebody says otherwise ---
  const kept = (() => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  })();
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;

  function turnTheme() {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // Then it is forgotten with the page.
    }
  }

  // Buttons that need this file are hidden without it.
  function reveal(within) {
    for (const button of within.querySelectorAll("[data-copy][hidden], [data-theme-turn][hidden], [data-pick-all][hidden]")) {
      button.hidden = false;
    }
  }

  async function copy(button) {
    let done = true;
    try {
      // A line that is shown as it was written is on the page once.
      const shown = () => button.closest(".line")?.querySelector(".text")?.textContent ?? "";
      await navigator.clipboard.writeText(button.dataset.copy || shown());
    } catch {
      done = false;
    }
    button.classList.toggle("done", done);
    if (told()) told().textContent = done ? "Copied" : "The browser does not let a page copy here";
    setTimeout(() => {
      button.classList.remove("done");
      if (told()) told().textContent = "";
    }, 1500);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.copy !== undefined) copy(button);
    if (button.dataset.themeTurn !== undefined) turnTheme();
  });

  document.addEventListener("change", (event) => {
    if (!event.target.closest("[data-pick-all]")) return;
    const boxes = event.target.closest("table").querySelectorAll('input[name="pick"]');
    for (const box of boxes) box.checked = event.target.checked;
  });

  // A double click sends once. The server would answer both alike; this only shows that it is on its way. After a while one
  // may send again: the browser was told to stop, or the answer opened elsewhere.
  const BUSY = 5000;
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    if (form.method !== "post") return;
    form.dataset.sent = "yes";
    for (const button of form.querySelectorAll("button[type=submit]")) button.setAttribute("aria-busy", "true");
    setTimeout(() => free(form), BUSY);
  });
  function free(form) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
  }
  // Whoever comes back with the browser's button may send again.
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(free));

  // --- the command that does what a form does as it stands ---
  const PAUSE = 300;
  let waiting;
  let asked = 0;
  async function command(form, button) {
    const foot = document.getElementById("command");
    if (!foot || !form.isConnected) return;
    const number = ++asked;
    const fields = new FormData(form);
    fields.delete("token");
    if (button) fields.append(button.name, button.value);
    // One that cannot be had is not shown: what stood there is of other fields.
    let said = "";
    try {
      const answer = await fetch(`${form.dataset.command}?${new URLSearchParams(fields)}`);
      if (answer.ok) said = await answer.text();
    } catch {
      // Nobody answers: other parts of the page say so.
    }
    // What was asked later is answered already.
    if (number !== asked) return;
    foot.hidden = said === "";
    foot.querySelector("code").textContent = said;
    foot.querySelector("[data-copy]").dataset.copy = said;
  }
  function commands(event) {
    const form = event.target.closest?.("form[data-command]");
    if (!form) return;
    // Of a form with several buttons it is that of the one that would be pressed.
    const button = event.target.matches("button[name]") ? event.target : null;
    clearTimeout(waiting);
    waiting = setTimeout(() => command(form, button), PAUSE);
  }
  document.addEventListener("input", commands);
  document.addEventListener("change", commands);
  document.addEventListener("focusin", commands);
  document.addEventListener("htmx:after:settle", commands);
  // What a page's forms carry stands in no address.
  document.addEventListener("htmx:config:request", (event) => {
    // Nobody looks: what is asked for from time to time waits until somebody does.
    if (document.hidden && event.target.matches?.("[hx-trigger^='every']")) {
      event.preventDefault();
      return;
    }
    const request = event.detail?.ctx?.request;
    if (request?.method === "GET") request.body?.delete?.("token");
  });

  // --- nobody answers any more: what is shown may be old ---
  function lost(status) {
    const there = document.getElementById("lost") ?? document.createElement("p");
    there.id = "lost";
    there.className = "notice wait";
    there.setAttribute("role", "status");
    // Where people sign in they know no program that runs for them.
    const signIn = document.body.dataset.signIn;
    const who = signIn ? "The server" : "outboard ui";
    const said =
      status === 401
        ? signIn
          ? "You are signed out. This is what was said last. "
          : "outboard ui was begun anew: open the address that it printed last."
        : status
          ? `${who} answers with an error (${status}). This is what it said last.`
          : `${who} does not answer. This is what it said last.`;
    if (there.dataset.said !== said) {
      there.dataset.said = said;
      there.textContent = said;
      if (status === 401 && signIn) {
        const link = document.createElement("a");
        link.href = `${signIn}?to=${encodeURIComponent(location.pathname + location.search)}`;
        link.textContent = "Sign in and come back here";
        there.append(link);
      }
    }
    if (!there.isConnected) document.getElementById("main")?.prepend(there);
  }
  const found = () => document.getElementById("lost")?.remove();
  document.addEventListener("htmx:sse:error", (event) => lost(event.detail?.status));
  document.addEventListener("htmx:sse:after:connection", found);
  document.addEventListener("htmx:response:error", (event) => lost(event.detail?.ctx?.response?.status));
  document.addEventListener("htmx:error", (event) => {
    if (event.detail?.ctx) lost(event.detail.ctx.response?.status);
  });
  document.addEventListener("htmx:after:request", (event) => {
    if (event.detail?.ctx?.response?.status < 400) found();
  });

  // --- a log: stays at its end while somebody is there, keeps no more than a page of it ---
  const MOST = 2000;
  const log = () => document.querySelector("[data-log]");
  let atEnd = true;

  function toEnd() {
    const lines = log();
    if (!lines) return;
    while (lines.children.length > MOST) lines.firstElementChild.remove();
    if (atEnd) lines.scrollTop = lines.scrollHeight;
  }

  document.addEventListener(
    "scroll",
    (event) => {
      const lines = log();
      if (event.target === lines) atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
    },
    true,
  );

  // From line to line by keyboard, without hundreds of stops for whoever only passes by.
  document.addEventListener("keydown", (event) => {
    const lines = log();
    if (!lines?.contains(event.target)) return;
    const all = [...lines.children];
    const line = event.target.closest(".line");
    const at = all.indexOf(line);
    const button = event.target === line && line.querySelector("[data-copy]");
    if (event.key === "Enter" && button) copy(button);
    const to = line
      ? { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 }[event.key]
      : event.key === "Enter" && all.length - 1;
    if (!Number.isInteger(to) || !all[to]) return;
    event.preventDefault();
    all[to].tabIndex = -1;
    all[to].focus();
  });

  document.addEventListener("DOMContentLoaded", () => {
    reveal(document);
    toEnd();
    const lines = log();
    if (lines) new MutationObserver(toEnd).observe(lines, { childList: true });
    lines?.addEventListener("ended", (event) => {
      const end = document.createElement("li");
      end.className = "line mark bad";
      end.textContent = event.detail?.data ?? "The log ended";
      lines.append(end);
    });
    // What is sent later is revealed, too.
    new MutationObserver((changes) => {
      for (const change of changes) if (change.target instanceof Element) reveal(change.target);
    }).observe(document.body, { childList: true, subtree: true });
  });
})();
