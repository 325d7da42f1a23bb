// A secret is shown once: going back, loading again and sending the form again do not show it a second time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Desk, openChromium } from "./chromium.js";

const SECRET = /sk_[0-9a-f]{64}/;

async function makeKey(page, name) {
  await page.getByRole("textbox", { name: "Name" }).fill(name);
  await page.getByRole("checkbox", { name: "crm:read", exact: true }).check();
  await page.getByRole("main").getByRole("button", { name: "Create API key" }).last().click();
  await page.getByRole("heading", { level: 1, name: "API key created" }).waitFor();
  return page.getByRole("textbox", { name: "API key", exact: true }).inputValue();
}

// Playwright turns off the cache of left pages, from which a page would come back as it was.
const KEEPS_LEFT_PAGES = { ignoreDefaultArgs: ["--disable-back-forward-cache"] };

// All that a reader could see or copy, values of fields among it.
const everything = (page) => page.evaluate(() =>
  [document.documentElement.outerHTML, ...[...document.querySelectorAll("input, textarea")].map((field) => field.value)].join("\n"));

export function testSecrets() {
  for (const keepsPages of [false, true]) {
    for (const script of ["on", "off"]) {
      test(`going back does not show a secret again: script ${script}, ${keepsPages ? "left pages are kept" : "left pages are not kept"}`, async () => {
        const browser = await openChromium(keepsPages ? KEEPS_LEFT_PAGES : {});
        const desk = await Desk.open(browser, { script });
        const { page } = desk;
        try {
          await desk.go("/integrations/api-keys/new");
          assert.match(await makeKey(page, `Once, ${script}, ${keepsPages}`), SECRET);
          await page.getByRole("link", { name: "I have stored it" }).click();
          await page.getByRole("heading", { level: 1, name: /^Once/ }).waitFor();
          await page.goBack({ waitUntil: "commit" }).catch(() => undefined);
          await page.waitForTimeout(500);
          assert.equal(await page.getByRole("heading", { level: 1, name: /^Once/ }).count(), 0, "went back");
          assert.doesNotMatch(await everything(page), SECRET);
          await page.reload().catch(() => undefined);
          assert.doesNotMatch(await everything(page), SECRET);
        } finally {
          await browser.close();
        }
      });
    }
  }

  test("going back after signing out shows no page of the console", async () => {
    const browser = await openChromium(KEEPS_LEFT_PAGES);
    const desk = await Desk.open(browser);
    const { page } = desk;
    try {
      await desk.go("/integrations/api-keys");
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
      await page.goBack({ waitUntil: "commit" });
      await page.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
      assert.equal(await page.getByRole("table").count(), 0);
    } finally {
      await browser.close();
    }
  });

  test("loading the page of a secret again says that it was shown", async () => {
    const browser = await openChromium();
    const desk = await Desk.open(browser, { script: "off" });
    const { page } = desk;
    try {
      await desk.go("/integrations/api-keys/new");
      await makeKey(page, "Loaded twice");
      await page.reload();
      await page.getByText("Already created. The secret cannot be shown again.").waitFor();
      assert.doesNotMatch(await everything(page), SECRET);
    } finally {
      await browser.close();
    }
  });

  test("a secret that was not stored is not left without a question", async () => {
    const browser = await openChromium();
    const desk = await Desk.open(browser);
    const { page } = desk;
    const asked = [];
    page.on("dialog", (dialog) => {
      asked.push(dialog.type());
      dialog.dismiss();
    });
    try {
      await desk.go("/integrations/api-keys/new");
      await makeKey(page, "Not stored yet");
      await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Webhooks" }).click({ noWaitAfter: true });
      await page.waitForTimeout(500);
      assert.deepEqual(asked, ["beforeunload"]);
      await page.getByRole("heading", { level: 1, name: "API key created" }).waitFor();
    } finally {
      await browser.close();
    }
  });
}
