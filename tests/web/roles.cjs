// What each role may, and is told where it may not, in a browser: a viewer, a developer and a releaser in windows of their own,
// who look at the same environments.
"use strict";

const assert = require("node:assert");
const path = require("node:path");
const { chromium } = require("playwright-core");
const { signIn } = require("./sign-in.cjs");

const { CHROMIUM, ENTRANCE, NAMESPACE, SHOTS } = process.env;
const READY = 120_000;

async function main() {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  const home = new URL(ENTRANCE).origin;
  const window = async (name) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" });
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    await page.goto(ENTRANCE);
    await signIn(page, name);
    await page.waitForURL("**/environments");
    return page;
  };
  const at = (name, rest = "") => `${home}/environments/${NAMESPACE}/${name}${rest}`;
  const chip = (page, word) => page.locator("#live .facts .chip", { hasText: word }).waitFor({ timeout: READY });
  const create = async (page, name, className) => {
    await page.goto(`${home}/environments/new?class=${className}`);
    await page.getByRole("textbox", { name: "Name", exact: true }).fill(name);
    await page.getByRole("button", { name: "Plan it" }).click();
    await page.waitForURL("**/plans/*");
  };
  const shot = (page, name) => page.screenshot({ path: path.join(SHOTS, `${name}.png`), fullPage: true });
  /// What they asked for is refused, in words that say by whom, and nothing has happened.
  const refused = async (page, name, why) => {
    await page.getByRole("heading", { name: why }).waitFor();
    assert.ok((await page.locator(".code").first().textContent()).includes("403"), `${name} is no refusal`);
    await shot(page, name);
  };

  // --- who may do nothing is told whom to ask ---
  const sam = await window("sam");
  await sam.getByText("oidc:sam@example.com").first().waitFor();
  await sam.getByText("the platform team").first().waitFor();
  await shot(sam, "role-nobody");

  // --- a developer makes one, and not of a protected class ---
  const dora = await window("dora");
  await create(dora, "qa-1", "qa");
  await dora.getByRole("button", { name: "Create qa-1" }).click();
  await dora.waitForURL(at("qa-1"));
  await chip(dora, "Ready");
  await create(dora, "production", "production");
  if (dora.url().includes("/plans/")) await dora.getByRole("button", { name: "Create production" }).click();
  await refused(dora, "role-developer-protected", /Kubernetes refused|protected/);

  // --- a releaser does ---
  const rita = await window("rita");
  await create(rita, "production", "production");
  await rita.getByRole("button", { name: "Create production" }).click();
  await rita.waitForURL(at("production"));
  await chip(rita, "Ready");

  // --- a viewer sees all of it as it is, and is refused whatever changes it ---
  const vera = await window("vera");
  for (const name of ["qa-1", "production"]) await vera.getByRole("link", { name, exact: true }).waitFor();
  await vera.goto(at("qa-1", "/logs"));
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
  await vera.goto(`${home}/environments/new?class=qa`);
  await vera.getByRole("textbox", { name: "Name", exact: true }).fill("qa-2");
  await anyway("Plan it", /You may look at this project, not make environments/);
  await refused(vera, "role-viewer-create", /you may not make or change environments/);
  await vera.getByText("oidc:vera@example.com").first().waitFor();
  await vera.goto(at("qa-1", "/change"));
  await shot(vera, "role-viewer-looks");
  await anyway("Plan a restart", /You may look at this environment, not change it/);
  await refused(vera, "role-viewer-change", /you may not make or change environments/);
  await vera.goto(at("qa-1", "/destroy"));
  await vera.getByLabel(/Type qa-1/).fill("qa-1");
  await anyway("Destroy qa-1", /You may look at this environment, not destroy it/);
  await refused(vera, "role-viewer-destroy", /you may not destroy environments/);
  await vera.goto(`${home}/environments`);
  await vera.getByLabel("Choose qa-1").check();
  await anyway("Restart", /You may look at these environments, not change them/);
  await vera.getByText(/you may not make or change environments/).waitFor();
  await vera.getByText("There is nothing to do for any of them").waitFor();
  await shot(vera, "role-viewer-several");

  // --- two at the same time: who planned before the other changed it is told so, and nothing of theirs is written ---
  const plan = async (page, version) => {
    await page.goto(at("qa-1", "/change"));
    await page.getByLabel("web", { exact: true }).first().fill(version);
    await page.getByRole("button", { name: "Plan these versions" }).click();
    await page.waitForURL("**/plans/*");
  };
  await plan(dora, "2");
  await plan(rita, "2");
  await rita.getByRole("button", { name: "Change qa-1" }).click();
  await rita.waitForURL(at("qa-1"));
  await dora.getByRole("button", { name: "Change qa-1" }).click();
  await dora.getByText(/nothing of yours/).first().waitFor();
  await shot(dora, "role-two-at-once");
  // Vera's page knows, though she did not load it again.
  await vera.goto(at("qa-1"));
  await vera.locator("#part-component-web code", { hasText: /^2$/ }).waitFor({ timeout: READY });

  // --- whose cookie is gone meanwhile is told so, and nothing is done; signed in again, they go on ---
  await dora.goto(at("qa-1", "/change"));
  await dora.getByLabel("web", { exact: true }).first().fill("1");
  await dora.context().clearCookies({ name: /outboard-session/ });
  await dora.getByRole("button", { name: "Plan these versions" }).click();
  await dora.getByRole("heading", { name: /not signed in/ }).waitFor();
  await shot(dora, "role-session-ended");
  await dora.getByRole("link", { name: "Sign in" }).click();
  await signIn(dora, "dora");
  await dora.waitForURL("**/environments");

  // --- what is protected goes by a releaser's hand only ---
  await dora.goto(at("production", "/destroy"));
  await dora.getByLabel(/I mean it/).check();
  await dora.getByLabel(/Type production/).fill("production");
  await dora.getByRole("button", { name: "Destroy production" }).click();
  await refused(dora, "role-developer-destroy", /protected/);
  await rita.goto(at("production", "/destroy"));
  await rita.getByLabel(/I mean it/).check();
  await rita.getByLabel(/Type production/).fill("production");
  await rita.getByRole("button", { name: "Destroy production" }).click();
  await rita.getByRole("heading", { name: /production is gone|There is no production/ }).waitFor({ timeout: READY });
  await dora.goto(at("qa-1", "/destroy"));
  await dora.getByLabel(/Type qa-1/).fill("qa-1");
  await dora.getByRole("button", { name: "Destroy qa-1" }).click();
  await dora.getByRole("heading", { name: /qa-1 is gone|There is no qa-1/ }).waitFor({ timeout: READY });

  // --- out: the window that is left knows nobody ---
  await vera.goto(`${home}/who`);
  await vera.getByRole("button", { name: "Sign out" }).click();
  await vera.goto(`${home}/environments`);
  assert.ok(!(await vera.content()).includes("qa-1"), "a page of somebody who signed out");
  await browser.close();
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
