// How somebody signs in at the provider of stories.
"use strict";

const { PROVIDER } = process.env;
const PASSWORD = "secret";

/// Whether that address is the provider's: whoever signs in is sent there.
exports.provider = (url) => PROVIDER !== undefined && url.startsWith(`${PROVIDER}/`);

exports.signIn = async (page, name) => {
  await page.waitForURL((url) => exports.provider(url.href));
  await page.locator("input[name=username]").fill(name);
  await page.locator("input[name=password]").fill(PASSWORD);
  await page.locator("button[type=submit]").click();
};
