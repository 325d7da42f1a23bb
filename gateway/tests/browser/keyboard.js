// The keyboard alone, through the forms that people use most: every control can be reached, shows that it has the focus,
// and does what a click would do.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Desk } from "./chromium.js";
import { Receiver } from "./receiver.js";

const MOST_STEPS = 150;

// Goes on with Tab until the control of this role and name has the focus.
async function tabTo(page, role, name) {
  const wanted = page.getByRole(role, { name, exact: true }).first();
  await wanted.waitFor();
  for (let step = 0; step < MOST_STEPS; step += 1) {
    await page.keyboard.press("Tab");
    if (await wanted.evaluate((element) => element === document.activeElement)) {
      assert.ok(await wanted.evaluate(showsFocus), `${role} ${name} does not show that it has the focus`);
      return;
    }
  }
  assert.fail(`${role} ${name} was not reached in ${MOST_STEPS} steps`);
}

const showsFocus = (element) => {
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  const { top, bottom } = element.getBoundingClientRect();
  return outlineStyle !== "none" && parseFloat(outlineWidth) >= 1 && bottom > 0 && top < innerHeight;
};

// Presses what the control is pressed with, and waits for the page that comes.
async function press(page, key) {
  const before = page.url();
  await Promise.all([page.waitForEvent("domcontentloaded"), page.keyboard.press(key)]);
  return before;
}

async function type(page, name, text) {
  await tabTo(page, "textbox", name);
  await page.keyboard.type(text);
}

async function tick(page, name) {
  await tabTo(page, "checkbox", name);
  await page.keyboard.press("Space");
}

const heading = (page, name) => page.getByRole("heading", { level: 1, name }).waitFor();

export function testKeyboard(browser) {
  const atDesk = (name, act) => test(`by keyboard alone: ${name}`, async () => {
    const desk = await Desk.open(browser());
    try {
      await act(desk.page, desk);
      assert.deepEqual(desk.takeFaults(), []);
    } finally {
      await desk.close();
    }
  });

  atDesk("the skip link, the shortcuts", async (page, desk) => {
    await desk.go("/integrations/deliveries");
    await page.keyboard.press("Tab");
    const skip = page.getByRole("link", { name: "Skip to content" });
    assert.ok(await skip.evaluate((link) => link === document.activeElement && link.getBoundingClientRect().top >= 0));
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "MAIN");
    await page.keyboard.press("/");
    assert.equal(await page.evaluate(() => document.activeElement.closest("search") !== null), true);
    await page.keyboard.press("Tab");
    await page.locator("main").focus();
    await page.keyboard.press("?");
    await page.getByRole("heading", { name: "Shortcuts" }).waitFor();
    await page.keyboard.press("Escape");
    assert.equal(await page.getByRole("heading", { name: "Shortcuts" }).count(), 0);
  });

  atDesk("create an API key", async (page) => {
    await tabTo(page, "link", "API keys");
    await press(page, "Enter");
    await tabTo(page, "link", "Create API key");
    await press(page, "Enter");
    await type(page, "Name", "Made without a mouse");
    await tick(page, "crm:read");
    await tick(page, "events:read");
    await tabTo(page, "combobox", "Expires");
    await page.keyboard.press("ArrowDown");
    await tabTo(page, "button", "Create API key");
    await press(page, "Enter");
    await heading(page, "API key created");
    assert.match(await page.getByRole("textbox", { name: "API key", exact: true }).inputValue(), /^sk_[0-9a-f]{64}$/);
    await tabTo(page, "link", "I have stored it");
    await press(page, "Enter");
    await heading(page, "Made without a mouse");
  });

  atDesk("a faulty form leads to its fields", async (page, desk) => {
    await desk.go("/integrations/webhooks/new");
    await type(page, "Name", "No address");
    await tabTo(page, "button", "Add webhook");
    await press(page, "Enter");
    await page.getByRole("alert").waitFor();
    const link = page.getByRole("alert").getByRole("link", { name: /^Endpoint URL/ });
    await tabTo(page, "link", await link.innerText());
    await page.keyboard.press("Enter");
    const field = await page.evaluate(() => document.activeElement.getAttribute("aria-invalid"));
    assert.equal(field, "true");
    assert.equal(await page.getByRole("textbox", { name: "Name" }).inputValue(), "No address");
  });

  atDesk("add a webhook", async (page) => {
    const receiver = await Receiver.start();
    await tabTo(page, "link", "Webhooks");
    await press(page, "Enter");
    await tabTo(page, "link", "Add webhook");
    await press(page, "Enter");
    await type(page, "Name", "Keyed in");
    await type(page, "Endpoint URL", receiver.url("/keyed"));
    await tick(page, "deal.won");
    await tabTo(page, "button", "Add webhook");
    await press(page, "Enter");
    await heading(page, "Webhook added");
    await tabTo(page, "link", "I have stored it");
    await press(page, "Enter");
    await heading(page, "Keyed in");
    await tabTo(page, "button", "Send test event");
    await press(page, "Enter");
    await page.getByRole("status").waitFor();
    assert.equal(receiver.bodies.length, 1);
    await receiver.stop();
  });

  atDesk("import a file", async (page) => {
    // Asked for early, so that Chromium does not open one of its own.
    const chooser = page.waitForEvent("filechooser");
    await tabTo(page, "link", "Imports");
    await press(page, "Enter");
    await tabTo(page, "link", "Import a file");
    await press(page, "Enter");
    await tabTo(page, "combobox", "Object");
    await page.keyboard.type("CONTACT");
    const file = page.getByLabel("CSV file");
    for (let step = 0; step < MOST_STEPS && !await file.evaluate((element) => element === document.activeElement); step += 1) await page.keyboard.press("Tab");
    await page.keyboard.press("Space");
    await (await chooser).setFiles({ name: "keyed.csv", mimeType: "text/csv", buffer: Buffer.from("email,first_name\nkeyed@example.com,Keyed\n") });
    await tabTo(page, "button", "Check file");
    await press(page, "Enter");
    await heading(page, "keyed.csv");
    await tabTo(page, "button", "Import 1 rows");
    await press(page, "Enter");
    await heading(page, "keyed.csv");
    await page.getByRole("link", { name: "Undo import" }).waitFor();
  });
}
