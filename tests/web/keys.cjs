// Somebody with a keyboard and nothing else: goes from one thing to the next until the wanted one has the focus, and presses it.
"use strict";

const assert = require("node:assert");

// More stops than any page of these stories has.
const STOPS = 150;

/// Goes on until that has the focus; fails where the keyboard does not get to it.
const reach = async (page, there) => {
  const has = (element) => element === document.activeElement;
  for (let stop = 0; stop < STOPS; stop++) {
    if (await there.evaluate(has)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`the keyboard does not get to ${there}`);
};

exports.reach = reach;

/// Goes there and presses it.
exports.press = async (page, there, key = "Enter") => {
  await reach(page, there);
  await page.keyboard.press(key);
};

/// Goes to a field, and types in place of what is there.
exports.type = async (page, field, text) => {
  await reach(page, field);
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.type(text);
};
