// The pages of `outboard ui` as somebody uses them: an environment's whole life, each deed of it with the keyboard alone; every page
// examined by axe, and photographed in light and dark, wide and narrow.
"use strict";

const assert = require("node:assert");
const { execFileSync } = require("node:child_process");
const { chromium } = require("playwright-core");
const { looker } = require("./look.cjs");
const { press, reach, type } = require("./keys.cjs");
const { signIn, provider } = require("./sign-in.cjs");

// NAME: who signs in, where the entrance asks for it. OTHER: a second project of the namespace, with a class of its own.
const { CHROMIUM, ENTRANCE, KUBECTL, NAMESPACE, NAME, OTHER } = process.env;
const READY = 120_000;

async function main() {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  // Whoever signs in sees the same; what is kept of pictures is of who is there anyway.
  const look = looker(page, NAME ? { once: true, prefix: `${NAME}-` } : {});
  const there = (role, name, more = {}) => page.getByRole(role, { name, ...more });
  const wrong = [];
  page.on("console", (message) => {
    const url = message.location().url;
    if (message.type() === "error" && !provider(url)) wrong.push(`${url}: ${message.text()}`);
  });
  page.on("pageerror", (error) => wrong.push(`${page.url()}: ${error}`));
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));

  // --- in ---
  await page.goto(ENTRANCE);
  if (NAME) await signIn(page, NAME);
  await page.waitForURL("**/environments");
  const home = new URL(page.url()).origin;
  await look("empty");
  await page.getByRole("heading", { name: "No environments yet" }).waitFor();

  // --- a new environment, by keyboard alone ---
  await press(page, there("link", "Create the first"));
  await page.waitForURL("**/environments/new");
  await look("new");
  await type(page, there("textbox", "Name", { exact: true }), "qa-42");
  await type(page, page.getByLabel("web", { exact: true }), "1");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/plans/*");
  await page.getByText("outboard -n").waitFor();
  await look("plan");
  await press(page, there("button", "Create qa-42"));

  // --- live progress, without loading again ---
  await page.waitForURL(`**/environments/${NAMESPACE}/qa-42`);
  await page.evaluate(() => (window.same = true));
  await look("progress");
  await chip("Ready");
  assert.ok(await page.evaluate(() => window.same), "the page was loaded again");
  await look("environment");

  // --- what has happened ---
  await page.getByRole("link", { name: "Events", exact: true }).click();
  await page.locator(".timeline li").filter({ hasText: "r1 made" }).waitFor();
  await look("events");
  await page.getByRole("link", { name: "r1 made" }).click();
  await page.getByRole("heading", { name: /all of it is new/ }).waitFor();
  await page.goto(`${home}/environments/${NAMESPACE}/qa-42`);

  // --- its address ---
  const address = page.locator(".addresses a").first();
  const [shop] = await Promise.all([context.waitForEvent("page"), address.click()]);
  await shop.waitForLoadState();
  assert.ok((await shop.content()).length > 100, "the address shows nothing");
  await shop.close();

  // --- the list: live, searched, sorted ---
  await page.goto(`${home}/environments`);
  await page.getByRole("row").filter({ hasText: "qa-42" }).waitFor();
  await look("environments");
  await page.getByRole("searchbox").fill("nobody has this");
  await page.getByRole("heading", { name: "Nothing is like that" }).waitFor();
  assert.ok(page.url().includes("q=nobody"), page.url());
  await look("nothing");
  await page.getByRole("searchbox").fill("qa");
  await page.getByRole("link", { name: "qa-42", exact: true }).waitFor();
  assert.ok(await page.getByRole("searchbox").evaluate((box) => box === document.activeElement), "the search lost its focus");

  // --- logs ---
  await page.getByRole("link", { name: "qa-42", exact: true }).click();
  await page.getByRole("link", { name: "Logs", exact: true }).click();
  await page.locator(".line").first().waitFor();
  await look("logs");
  await page.getByLabel("Follow").check();
  await page.getByRole("button", { name: "Show" }).click();
  await page.waitForURL("**follow=1**");
  const before = await page.locator(".line").count();
  const other = await context.newPage();
  // Another address than before: nothing of it is kept by the browser.
  await other.goto(`${await shopAddress(page, home)}/?again`);
  await other.close();
  await page.locator(".line").nth(before).waitFor({ timeout: 30_000 });

  // --- another version, by keyboard alone ---
  await page.goto(`${home}/environments/${NAMESPACE}/qa-42`);
  await press(page, there("link", "Change version"));
  await page.waitForURL("**/change");
  await look("change");
  const field = page.getByLabel("web", { exact: true }).first();
  const below = await field.evaluate((input) => input.form.querySelector("button").getBoundingClientRect().top);
  await reach(page, field);
  await page.locator("#said-web", { hasText: "in its registry" }).waitFor();
  const choice = await page.locator("#known-web option").evaluateAll((all) => all.map((option) => option.value));
  assert.ok(["1", "2"].every((tag) => choice.includes(tag)), `the registry's versions are not offered: ${choice}`);
  const after = await field.evaluate((input) => input.form.querySelector("button").getBoundingClientRect().top);
  assert.strictEqual(after, below, "the page jumped when the registry had answered");
  await look("change-versions");
  await type(page, field, "no-such");
  await page.locator("#said-web", { hasText: "no version with `no-such` in it" }).waitFor();
  assert.ok(await field.evaluate((input) => input === document.activeElement), "the field lost its focus");
  await type(page, field, "2");
  await press(page, there("button", "Plan these versions"));
  await page.getByText("Deployment web").first().waitFor();
  await look("plan-change");
  const carryOut = `${page.url()}/carry-out`;
  const token = await page.locator("main input[name=token]").first().getAttribute("value");
  await press(page, there("button", "Change qa-42"));
  await page.waitForURL(`**/environments/${NAMESPACE}/qa-42`);
  // Whoever sends it again is answered as before.
  const again = await page.request.post(carryOut, { form: { token }, headers: { origin: home }, maxRedirects: 0 });
  assert.strictEqual(again.status(), 303, await again.text());
  await page.locator("#part-component-web code", { hasText: /^2$/ }).waitFor({ timeout: READY });
  await chip("Ready");

  // --- and back, by keyboard alone; what is not kept any more cannot be gone back to ---
  await press(page, there("link", "Revisions", { exact: true }));
  await page.waitForURL("**/revisions");
  await look("revisions");
  await page.getByRole("link", { name: "What it changed as r2" }).click();
  await page.getByRole("heading", { name: "What is different from r1" }).waitFor();
  await page.getByText("Deployment web").first().waitFor();
  await look("revision");
  await page.goBack();
  const back = there("button", "Plan the way back to r1");
  await back.evaluate((button) => (button.form.elements.to.value = "99"));
  await back.click();
  await page.getByText(/revision .*99.* does not exist/).first().waitFor();
  await look("rollback-refused");
  await page.goto(`${home}/environments/${NAMESPACE}/qa-42/revisions`);
  await press(page, back);
  await page.waitForURL("**/plans/*");
  await press(page, there("button", "Change qa-42"));
  await page.locator("#part-component-web code", { hasText: /^1$/ }).waitFor({ timeout: READY });
  await chip("Ready");

  // --- what somebody does behind outboard's back is told with who and what, and put back ---
  await there("link", "Drift").click();
  await page.getByRole("heading", { name: "Everything is as outboard wrote it" }).waitFor();
  await look("drift");
  const behind = ["-n", `${NAMESPACE}-qa-42`, "label", "deployment", "web", "edited=by-hand", "--field-manager=somebody"];
  execFileSync(KUBECTL, behind);
  const edited = page.locator("#live .changes li").filter({ hasText: "Deployment web" });
  await edited.getByText("Put back").waitFor({ timeout: 60_000 });
  await edited.getByText(/changed by .*somebody/).waitFor();
  await edited.getByText(/labels.*edited/).waitFor();
  await edited.locator("ins", { hasText: "by-hand" }).waitFor();
  await look("drift-told");

  // --- a new one of another project: what was typed stays, and what is not there is told ---
  await page.goto(`${home}/environments/new?from=qa-42`);
  await there("textbox", "Name", { exact: true }).fill("later");
  await page.getByLabel("web", { exact: true }).fill("2");
  await page.getByLabel("Project", { exact: true }).selectOption(`${NAMESPACE}/${OTHER}`);
  await page.getByText(/has no environment/).waitFor();
  const classes = () => page.getByLabel("Class", { exact: true }).locator("option").allTextContents();
  assert.deepStrictEqual(await classes(), ["qa", "stage"]);
  assert.strictEqual(await page.getByLabel("Versions and settings of").inputValue(), "");
  await page.getByLabel("Class", { exact: true }).selectOption("stage");
  await page.locator("#command code", { hasText: "--class stage" }).waitFor();
  await look("new-other");
  await page.getByLabel("Project", { exact: true }).selectOption(`${NAMESPACE}/${NAMESPACE}`);
  await page.getByText(/has no class/).waitFor();
  assert.ok(!(await classes()).includes("stage"), "the classes are those of another project");
  assert.strictEqual(await there("textbox", "Name", { exact: true }).inputValue(), "later");
  assert.strictEqual(await page.getByLabel("web", { exact: true }).inputValue(), "2");

  // --- what is shown stays when the server errs, and that is said ---
  await page.goto(`${home}/hostnames`);
  await page.getByRole("row").filter({ hasText: "qa-42" }).waitFor();
  const erring = (url) => url.pathname === "/hostnames";
  await page.route(erring, (route) => route.fulfill({ status: 503, contentType: "text/html", body: "<p>no</p>" }));
  await page.getByText("answers with an error (503)").waitFor({ timeout: 30_000 });
  await page.getByRole("row").filter({ hasText: "qa-42" }).waitFor();
  await look("lost");
  await page.unroute(erring);
  await page.getByText("answers with an error (503)").waitFor({ state: "detached", timeout: 30_000 });
  wrong.splice(0, wrong.length, ...wrong.filter((line) => !/\/hostnames\S*: .*503/.test(line)));
  await page.goto(`${home}/environments/${NAMESPACE}/qa-42`);

  // --- what cannot be is said with what to do ---
  await page.getByRole("link", { name: "Change version" }).click();
  await page.getByLabel("web", { exact: true }).first().fill("no-such-version");
  await page.getByRole("button", { name: "Plan these versions" }).click();
  await page.getByText("What to do:").waitFor();
  await look("verdict");
  await page.goto(`${home}/environments/${NAMESPACE}/nope`);
  await page.getByRole("heading", { name: "There is no nope" }).waitFor();
  await look("missing");

  // --- how it looks, all at once ---
  await page.goto(`${home}/style`);
  await look("style");

  // --- without JavaScript ---
  const state = await context.storageState();
  const plain = await browser.newContext({ javaScriptEnabled: false, storageState: state });
  const quiet = await plain.newPage();
  await quiet.goto(`${home}/environments?q=qa`);
  await quiet.getByRole("link", { name: "qa-42", exact: true }).click();
  await quiet.getByRole("heading", { name: "qa-42" }).waitFor();
  await quiet.goto(`${home}/environments/new?from=qa-42`);
  await quiet.getByRole("textbox", { name: "Name", exact: true }).fill("qa-43");
  await quiet.getByRole("button", { name: "Plan it" }).click();
  await quiet.getByText(`outboard -n ${NAMESPACE} env clone qa-42 qa-43`).waitFor();
  // Nothing swallows the second click here: it gives up the first request, which is finished all the same.
  await quiet.getByRole("button", { name: "Create qa-43" }).dblclick();
  await quiet.waitForURL(`**/environments/${NAMESPACE}/qa-43`);
  await plain.close();

  // --- for a ticket ---
  await page.goto(`${home}/environments/${NAMESPACE}/qa-42`);
  await page.getByRole("link", { name: "Report", exact: true }).click();
  await page.getByLabel("The report").getByText("**qa-42**").waitFor();
  await look("report");

  // --- hosts ---
  await page.getByRole("link", { name: "Hosts" }).click();
  await page.getByRole("row").filter({ hasText: "qa-42" }).waitFor();
  await look("hosts");

  // --- clusters: this one, and one of a file, of which nobody knows how it is ---
  await page.getByRole("link", { name: "Clusters" }).click();
  if (NAME) {
    // Who develops may not list nodes, and is told so.
    await page.getByText(/Not shown: its nodes/).waitFor();
  } else {
    await page.getByRole("heading", { name: "Room" }).waitFor();
    await page.getByRole("row").filter({ hasText: "Ready" }).first().waitFor();
    const kept = page.getByRole("row").filter({ hasText: "qa.yaml" });
    await kept.getByText(/its state cannot be read/).waitFor();
    await kept.getByText(/a month/).waitFor();
  }
  await look("clusters");

  // --- data of one for the other: looked at first, then copied ---
  await page.goto(`${home}/environments/${NAMESPACE}/qa-43`);
  await chip("Ready");
  await press(page, there("link", "Data", { exact: true }));
  await page.waitForURL("**/data");
  await look("data");
  await page.getByRole("button", { name: "Replace the data" }).click();
  await page.getByRole("heading", { name: /stays as it is/ }).waitFor();
  await look("unconfirmed");
  await page.goto(`${home}/environments/${NAMESPACE}/qa-43/data`);
  await page.getByLabel("Personal data").selectOption("none");
  await press(page, there("button", "Say what would be copied"));
  await page.waitForURL(`**/copies/${NAMESPACE}/qa-43-*`);
  await chip("Done");
  await page.locator(".facts dd", { hasText: /^none$/ }).waitFor();
  await look("copy-planned");
  await press(page, there("link", "Copy it"));
  await page.waitForURL("**/data?**");
  assert.strictEqual(await page.getByLabel("Personal data").inputValue(), "none", "how it was to come is forgotten");
  const replace = page.locator("section[aria-labelledby=replace]");
  await press(page, replace.getByLabel(/is replaced/), "Space");
  const filled = await replace.locator("form").evaluate((form) => Object.fromEntries(new FormData(form)));
  const data = page.url().split("?")[0];
  // Pressed twice, it is sent once.
  await press(page, there("button", "Replace the data"));
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/copies/${NAMESPACE}/qa-43-*`);
  const send = (more) =>
    page.request.post(data, { form: { ...filled, ...more }, headers: { origin: home }, maxRedirects: 0 });
  assert.strictEqual((await send({ action: "copy" })).status(), 303, "the same form is another copy");
  assert.strictEqual((await send({ action: "look" })).status(), 409, "another wish is told as done");
  await page.evaluate(() => (window.same = true));
  await look("copy");
  await chip("Done");
  assert.ok(await page.evaluate(() => window.same), "the page was loaded again");
  await look("copy-done");

  // --- the same once more, from where it came ---
  await page.goto(`${home}/environments/${NAMESPACE}/qa-43/data`);
  await look("data-reset");
  await press(page, page.locator("section[aria-labelledby=reset]").getByLabel(/is replaced/), "Space");
  await press(page, there("button", "Reset data"));
  await page.waitForURL(`**/copies/${NAMESPACE}/qa-43-*`);
  await chip("Done");
  await page.locator(".facts dd", { hasText: /^none$/ }).waitFor();
  await page.getByRole("link", { name: "Copies", exact: true }).click();
  assert.strictEqual(await page.getByRole("row").count(), 4, "it was sent twice, and two copies were made");
  await look("copies");

  // --- a backup, for which its project says no place yet ---
  await page.goto(`${home}/environments/${NAMESPACE}/qa-43/data`);
  await page.getByText("There is no backup of qa-43 yet").waitFor();
  await page.getByRole("button", { name: "Back up now" }).click();
  await page.waitForURL(`**/copies/${NAMESPACE}/qa-43-*`);
  await page.getByText("What to do:").waitFor({ timeout: READY });
  await look("backup");
  if (await page.getByRole("button", { name: "Cancel" }).isVisible()) {
    await page.getByRole("button", { name: "Cancel" }).click();
    await chip("Cancelled");
  }
  await page.goto(`${home}/environments/${NAMESPACE}/qa-43/data`);
  await page.getByRole("row").filter({ hasText: /qa-43-\d{8}t/ }).waitFor();
  await look("backups");
  await page.goto(`${home}/environments/${NAMESPACE}/qa-43/restore`);
  await page.getByRole("heading", { name: "No whole backup" }).waitFor();
  await look("no-backup");

  // --- other passwords ---
  await page.goto(`${home}/environments/${NAMESPACE}/qa-43/change`);
  await page.getByRole("link", { name: "See what new passwords would do" }).click();
  await page.getByText(/new pods, one after the other/).first().waitFor();
  await look("passwords");
  const turn = await page.locator("section[aria-labelledby=turn] form").evaluate((form) => Object.fromEntries(new FormData(form)));
  await page.getByRole("button", { name: "Change the passwords" }).click();
  await page.locator("#live .chip").first().waitFor();
  await look("passwords-changing");
  // Server, pods, server again: each once the one before is done.
  await page.locator("#live .chip", { hasText: "Changed" }).waitFor({ timeout: 3 * READY });
  const turned = await page.request.post(page.url(), { form: turn, headers: { origin: home }, maxRedirects: 0 });
  assert.strictEqual(turned.status(), 303, "what was done is told as something else");
  await page.reload();
  assert.strictEqual(await page.getByText("is being changed already").count(), 0, "the same form is another change");
  await page.goto(`${home}/environments/${NAMESPACE}/qa-43`);
  await chip("Ready");

  // --- two that differ, and what was tested in one for the other ---
  await page.getByRole("link", { name: "Change version" }).click();
  await page.getByLabel("web", { exact: true }).first().fill("2");
  await page.getByRole("button", { name: "Plan these versions" }).click();
  // A double click is sent once.
  await page.getByRole("button", { name: "Change qa-43" }).dblclick();
  await page.locator("#part-component-web code", { hasText: /^2$/ }).waitFor({ timeout: READY });
  await chip("Ready");
  await page.getByRole("link", { name: "Revisions" }).click();
  await page.getByRole("link", { name: "Compare with another environment" }).click();
  await page.getByRole("button", { name: "Compare" }).click();
  await page.waitForURL("**/diff?with=qa-42");
  await page.getByText("Deployment web").first().waitFor();
  await look("diff");
  await page.goto(`${home}/environments/${NAMESPACE}/qa-42/revisions`);
  await page.getByLabel(/^Promote r\d+ to$/).selectOption("qa-43");
  await page.getByRole("button", { name: "Plan the promotion" }).click();
  await page.getByText(`env promote qa-42 qa-43`).waitFor();
  await look("plan-promote");
  await page.getByRole("button", { name: "Change qa-43" }).click();
  await page.locator("#part-component-web code", { hasText: /^1$/ }).waitFor({ timeout: READY });
  await chip("Ready");

  // --- several at once ---
  await page.goto(`${home}/environments`);
  await page.getByRole("row").filter({ hasText: "qa-43" }).waitFor();
  assert.ok(!(await page.getByRole("button", { name: "Restart" }).isVisible()), "what is not ticked can be restarted");
  await page.getByLabel("Choose qa-42").focus();
  await page.keyboard.press("Space");
  await page.getByLabel("Choose qa-43").check();
  await look("ticked");
  await page.getByRole("button", { name: "Restart" }).click();
  await page.getByRole("heading", { name: "Restart 2 environments" }).waitFor();
  await look("several");
  // Ticks stay when the table is sent again, which a restart does.
  const list = await context.newPage();
  await list.goto(`${home}/environments`);
  await list.getByLabel("Choose qa-43").check();
  await page.getByRole("button", { name: "Restart 2 environments" }).click();
  await page.getByText("All of it was taken on").waitFor();
  await look("several-done");
  await list.locator(`[id="row-${NAMESPACE}/qa-43"] .under`, { hasText: "r4" }).waitFor({ timeout: READY });
  assert.ok(await list.getByLabel("Choose qa-43").isChecked(), "a tick was lost");
  await list.close();
  await page.goto(`${home}/environments`);
  await page.getByLabel("Choose all that are shown").check();
  await page.getByRole("button", { name: "Destroy" }).click();
  await page.getByRole("heading", { name: "Destroy 2 environments" }).waitFor();
  await look("several-destroy");
  await page.getByRole("link", { name: "Leave them" }).click();
  await page.waitForURL("**/environments");
  await page.getByLabel("Choose qa-43").check();
  await page.getByRole("button", { name: "Destroy" }).click();
  await page.getByLabel(/How many are destroyed/).fill("1");
  await page.getByRole("button", { name: "Destroy 1 environment" }).click();
  await page.getByText("All of it was taken on").waitFor();
  await page.goto(`${home}/environments`);
  await page.locator("#live tbody tr").nth(1).waitFor({ state: "detached", timeout: READY });

  // --- destroyed, by keyboard alone ---
  await page.goto(`${home}/environments/${NAMESPACE}/qa-42`);
  const follower = await context.newPage();
  await follower.goto(`${home}/environments/${NAMESPACE}/qa-42/logs?follow=1`);
  await follower.locator(".line").first().waitFor();
  await press(page, there("link", "Destroy", { exact: true }));
  await page.waitForURL("**/destroy");
  await look("destroy");
  await type(page, page.getByLabel(/Type qa-42/), "qa-42");
  await press(page, there("button", "Destroy qa-42"));
  await page.getByRole("heading", { name: /qa-42 is gone|There is no qa-42/ }).waitFor({ timeout: READY });
  await follower.locator(".line.mark.bad", { hasText: "destroyed" }).waitFor({ timeout: READY });
  // It ended, and is not asked for again.
  const reconnected = follower.waitForRequest("**/logs/live**", { timeout: 5_000 }).then(() => true, () => false);
  assert.ok(!(await reconnected), "it is asked for again");
  assert.strictEqual(await follower.locator(".line.mark.bad", { hasText: "destroyed" }).count(), 1);
  await follower.close();

  const foreign = requests.filter((url) => !url.startsWith(home) && !url.startsWith(ENTRANCE) && !provider(url));
  assert.deepStrictEqual(foreign, [], "something was loaded from elsewhere");
  // That a page or a revision is missing, a version is none, and something was not confirmed, was asked for.
  const asked = [[/\/nope: /, /404/], [/\/change: /, /404|422/], [/\/data: /, /422/]];
  const real = wrong.filter((line) => !asked.some((both) => both.every((one) => one.test(line))));
  assert.deepStrictEqual(real, [], "the console complains");
  await browser.close();

  async function chip(word) {
    await page.locator("#live .facts .chip", { hasText: word }).waitFor({ timeout: READY });
  }
}

async function shopAddress(page, home) {
  const answer = await page.request.get(`${home}/api/v1/environments/${NAMESPACE}/qa-42`);
  return Object.values((await answer.json()).summary.urls)[0];
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
