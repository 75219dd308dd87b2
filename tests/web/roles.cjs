// What each role may, and is told where it may not, in a browser: a stranger, a viewer, developers and a releaser in windows of their
// own, who look at the same environments; and what becomes of whatever somebody was about to do when their session ends.
"use strict";

const assert = require("node:assert");
const { chromium } = require("playwright-core");
const { looker } = require("./look.cjs");
const { signIn } = require("./sign-in.cjs");

const { CHROMIUM, ENTRANCE, NAMESPACE } = process.env;
const READY = 120_000;
// So long somebody stays signed in here, the shortest that a server takes; whoever goes on signs in again before that matters.
const SESSION = 300_000;
const FRESH = SESSION / 2;

async function main() {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  const home = new URL(ENTRANCE).origin;
  const people = new Map();
  const window = async (name) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" });
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    await page.goto(ENTRANCE);
    await signIn(page, name);
    await page.waitForURL("**/environments");
    people.set(page, { name, since: Date.now(), look: looker(page) });
    return page;
  };
  const look = (page, name) => people.get(page).look(name);
  const go = async (page, place) => {
    const person = people.get(page);
    if (Date.now() - person.since < FRESH) return page.goto(`${home}${place}`);
    await page.goto(`${home}/sign-in?to=${encodeURIComponent(place)}`);
    await signIn(page, person.name);
    await page.waitForURL((url) => url.href === `${home}${place}`);
    person.since = Date.now();
  };
  const at = (name, rest = "") => `/environments/${NAMESPACE}/${name}${rest}`;
  const chip = (page, word) => page.locator("#live .facts .chip", { hasText: word }).waitFor({ timeout: READY });
  const web = (page, version) =>
    page.locator("#part-component-web code", { hasText: version }).waitFor({ timeout: READY });
  const create = async (page, name, className) => {
    await go(page, `/environments/new?class=${className}`);
    await page.getByRole("textbox", { name: "Name", exact: true }).fill(name);
    await page.getByRole("button", { name: "Plan it" }).click();
    await page.waitForURL("**/plans/*");
  };
  const plan = async (page, name, version) => {
    await go(page, at(name, "/change"));
    await page.getByLabel("web", { exact: true }).first().fill(version);
    await page.getByRole("button", { name: "Plan these versions" }).click();
    await page.waitForURL("**/plans/*");
  };
  /// What they asked for is refused, in words that say by whom, and nothing has happened.
  const refused = async (page, name, why) => {
    await page.getByRole("heading", { name: why }).waitFor();
    assert.ok((await page.locator(".code").first().textContent()).includes("403"), `${name} is no refusal`);
    await look(page, name);
  };

  // --- two windows of somebody who goes to lunch: in one something was typed, the other shows something ---
  const typing = await window("dora");
  const watching = await window("dora");
  const ended = Date.now() + SESSION;
  await typing.goto(`${home}/who`);
  await typing.getByText("oidc:dora@example.com").first().waitFor();
  await typing.getByText(/You are signed in until/).waitFor();
  await look(typing, "who");
  await typing.goto(`${home}/environments/new?class=qa`);
  await typing.getByRole("textbox", { name: "Name", exact: true }).fill("lunch");
  await typing.getByLabel("web", { exact: true }).fill("2");
  await watching.goto(`${home}${at("waits")}`);
  await chip(watching, "Progressing");

  // --- who may do nothing is told whom to ask ---
  const sam = await window("sam");
  await sam.getByText("oidc:sam@example.com").first().waitFor();
  await sam.getByText("the platform team").first().waitFor();
  await look(sam, "stranger");

  // --- a developer makes one, and not of a protected class ---
  const dora = await window("dora");
  await create(dora, "qa-1", "qa");
  await dora.getByRole("button", { name: "Create qa-1" }).click();
  await dora.waitForURL(`${home}${at("qa-1")}`);
  await chip(dora, "Ready");
  await create(dora, "production", "production");
  if (dora.url().includes("/plans/")) await dora.getByRole("button", { name: "Create production" }).click();
  await refused(dora, "refused-protected", /Kubernetes refused|protected/);

  // --- a releaser does, and lives with it: another version, and the way back ---
  const rita = await window("rita");
  await create(rita, "production", "production");
  await rita.getByRole("button", { name: "Create production" }).click();
  await rita.waitForURL(`${home}${at("production")}`);
  await chip(rita, "Ready");
  await plan(rita, "production", "2");
  await rita.getByRole("button", { name: "Change production" }).click();
  await web(rita, /^2$/);
  await chip(rita, "Ready");
  await go(rita, at("production", "/revisions"));
  await rita.getByRole("button", { name: "Plan the way back to r1" }).click();
  await rita.getByRole("button", { name: "Change production" }).click();
  await web(rita, /^1$/);
  await chip(rita, "Ready");

  // --- all of them: ready, failed, and still being made ---
  await go(rita, "/environments");
  for (const [name, state] of [["qa-1", "Ready"], ["production", "Ready"], ["broken", "Failed"], ["waits", "Progressing"]]) {
    await rita.locator(`[id="row-${NAMESPACE}/${name}"] .chip`, { hasText: state }).waitFor({ timeout: READY });
  }
  await look(rita, "many");

  // --- a viewer sees all of it as it is, and is refused whatever changes it ---
  const vera = await window("vera");
  for (const name of ["qa-1", "production"]) await vera.getByRole("link", { name, exact: true }).waitFor();
  await go(vera, at("qa-1", "/logs"));
  await vera.locator(".line").first().waitFor();
  // She is told before, with whom to ask, and has no button to press; who presses one all the same is refused.
  const anyway = async (name, told) => {
    await vera.getByText(told).waitFor();
    await vera.getByText(/Ask: the platform team/).waitFor();
    const button = vera.getByRole("button", { name });
    assert.ok(await button.isDisabled(), `${name} is no button of a viewer`);
    await button.evaluate((there) => (there.disabled = false));
    await button.click();
  };
  await go(vera, "/environments/new?class=qa");
  await vera.getByRole("textbox", { name: "Name", exact: true }).fill("qa-2");
  await anyway("Plan it", /You may look at this project, not make environments/);
  await refused(vera, "refused-create", /you may not make or change environments/i);
  await vera.getByText("oidc:vera@example.com").first().waitFor();
  await go(vera, at("qa-1", "/change"));
  await look(vera, "looks-on");
  await anyway("Plan a restart", /You may look at this environment, not change it/);
  await refused(vera, "refused", /you may not make or change environments/i);
  await go(vera, at("qa-1", "/destroy"));
  await vera.getByLabel(/Type qa-1/).fill("qa-1");
  await anyway("Destroy qa-1", /You may look at this environment, not destroy it/);
  await refused(vera, "refused-destroy", /you may not destroy environments/i);
  await go(vera, "/environments");
  await vera.getByLabel("Choose qa-1").check();
  await anyway("Restart", /You may look at these environments, not change them/);
  await vera.getByText(/you may not make or change environments/i).first().waitFor();
  await vera.getByText(/1 of 1 cannot be done here/).waitFor();
  await look(vera, "refused-several");

  // --- two at the same time: who planned before the other changed it is told so, and nothing of theirs is written ---
  await go(vera, at("qa-1"));
  await web(vera, /^1$/);
  await plan(dora, "qa-1", "2");
  await plan(rita, "qa-1", "2");
  await rita.getByRole("button", { name: "Change qa-1" }).click();
  await rita.waitForURL(`${home}${at("qa-1")}`);
  await dora.getByRole("button", { name: "Change qa-1" }).click();
  await dora.getByText(/Nothing of yours was written/).first().waitFor();
  await look(dora, "raced");
  // Vera's page knows, though she did not load it again.
  await web(vera, /^2$/);
  // Planned again, it is from there on.
  await dora.getByRole("button", { name: "Plan it again" }).click();
  await dora.waitForURL("**/plans/*");
  await dora.getByText("There is nothing to do").waitFor();

  // --- what is protected goes by a releaser's hand only ---
  await go(dora, at("production", "/destroy"));
  await dora.getByLabel(/I mean it/).check();
  await dora.getByLabel(/Type production/).fill("production");
  await dora.getByRole("button", { name: "Destroy production" }).click();
  await refused(dora, "refused-destroy-protected", /protected/);
  await go(rita, at("production", "/destroy"));
  await rita.getByLabel(/I mean it/).check();
  await rita.getByLabel(/Type production/).fill("production");
  await look(rita, "destroy-protected");
  await rita.getByRole("button", { name: "Destroy production" }).click();
  await rita.getByRole("heading", { name: /production is gone|There is no production/ }).waitFor({ timeout: READY });
  await go(dora, at("qa-1", "/destroy"));
  await dora.getByLabel(/Type qa-1/).fill("qa-1");
  await dora.getByRole("button", { name: "Destroy qa-1" }).click();
  await dora.getByRole("heading", { name: /qa-1 is gone|There is no qa-1/ }).waitFor({ timeout: READY });

  // --- out: the window that is left knows nobody ---
  await go(vera, "/who");
  await vera.getByRole("button", { name: "Sign out" }).click();
  await vera.getByRole("heading", { name: "You have signed out" }).waitFor();
  await look(vera, "signed-out");
  await vera.goto(`${home}/environments`);
  assert.ok(!(await vera.content()).includes("qa-1"), "a page of somebody who signed out");

  // --- a session ends: what is shown says so and leads back, and what was typed is done once they have signed in again ---
  // For a moment that is known there is nothing else to wait for.
  await typing.waitForTimeout(Math.max(0, ended - Date.now()));
  const link = watching.getByRole("link", { name: "Sign in and come back here" });
  await link.waitFor({ timeout: 60_000 });
  await chip(watching, "Progressing");
  await look(watching, "signed-out-meanwhile");
  await typing.getByRole("button", { name: "Plan it" }).click();
  await typing.getByRole("heading", { name: /Your session has ended, and nothing was done/ }).waitFor();
  await look(typing, "interrupted");
  await typing.getByRole("link", { name: "Sign in and go on" }).click();
  await signIn(typing, "dora");
  await typing.waitForURL("**/go-on/*");
  await typing.getByRole("heading", { name: "Go on where you were" }).waitFor();
  for (const typed of [/name: lunch/, /version\.web: 2/]) await typing.getByText(typed).waitFor();
  await look(typing, "go-on");
  await typing.getByRole("button", { name: "Do it now" }).click();
  await typing.waitForURL("**/plans/*");
  await typing.getByRole("button", { name: "Create lunch" }).click();
  await web(typing, /^2$/);
  await chip(typing, "Ready");
  await link.click();
  await signIn(watching, "dora");
  await watching.waitForURL(`${home}${at("waits")}`);
  await chip(watching, "Progressing");
  await browser.close();
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
