// How stories look at a page: photographed in light and dark, wide and narrow, and examined by axe in each.
"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const { SHOTS } = process.env;
const COLOURS = ["light", "dark"];
const SIZES = [[1280, 900], [390, 844]];
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/// Looks at a page. `once`: in light and wide only, of a page that is looked at in all ways elsewhere.
exports.looker = (page, { once = false, prefix = "" } = {}) => {
  fs.mkdirSync(SHOTS, { recursive: true });
  return async (name) => {
    for (const colorScheme of once ? COLOURS.slice(0, 1) : COLOURS) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      for (const [width, height] of once ? SIZES.slice(0, 1) : SIZES) {
        await page.setViewportSize({ width, height });
        const file = path.join(SHOTS, `${prefix}${name}-${colorScheme}-${width}.png`);
        await page.screenshot({ path: file, fullPage: true, animations: "disabled" });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(wide <= 0, `${name} is ${wide} px too wide at ${width}`);
        await examine(page, `${name}, ${colorScheme}, ${width}`);
      }
    }
    await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
    await page.setViewportSize({ width: 1280, height: 900 });
  };
};

// Through the debugger: the page's own policy lets nothing in.
async function examine(page, what) {
  const session = await page.context().newCDPSession(page);
  const run = async (expression) => {
    const answer = await session.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    assert.ok(!answer.exceptionDetails, JSON.stringify(answer.exceptionDetails));
    return answer.result.value;
  };
  await run(axe + ";0");
  const found = await run(
    `axe.run(document, {runOnly: ${JSON.stringify(RULES)}}).then(found => JSON.stringify(found.violations.map(rule => [rule.id, rule.help, rule.nodes.map(node => node.html.slice(0, 160) + " | " + (node.any[0]?.message ?? ""))])))`,
  );
  await session.detach();
  assert.strictEqual(found, "[]", `${what}: ${found}`);
}
