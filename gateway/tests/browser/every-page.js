// What holds for every page that links lead to, in light and dark, with and without JavaScript, wide and narrow.

import assert from "node:assert/strict";
import { test } from "node:test";
import { axeFaults, sidewaysFaults, unfold } from "./accessibility.js";
import { Desk } from "./chromium.js";
import { call, eventually, signInLink } from "./gateway.js";
import { findPages, shape } from "./pages.js";
import { seed, seedHostile } from "./seed.js";

const MOST_HTML_BYTES = 60_000;
const WIDE = 1280;
const NARROW = 320;
// As many pages at a time as a small machine has cores.
const DESKS = 2;

// Each scheme meets each state of the script, and each of these meets both widths. Axe is a script of its own, which the
// content policy would refuse.
const LOOKS = [
  { scheme: "light", script: "on", width: WIDE },
  { scheme: "dark", script: "on", width: NARROW },
  { scheme: "light", script: "lost", width: NARROW },
  { scheme: "dark", script: "lost", width: WIDE },
].map((look) => ({ ...look, ignoresPolicy: true }));

// A line for each fault that `look` finds on one of the pages.
async function faultsOf(browser, options, pages, look) {
  assert.ok(pages.length > 0, "no page was found");
  const waiting = [...pages];
  const faults = [];
  const work = async () => {
    const desk = await Desk.open(browser, options);
    faults.push(...desk.takeFaults().map((fault) => `signing in: ${fault}`));
    for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
      const found = await look(desk, path).catch((error) => [String(error)]);
      faults.push(...[...found, ...desk.takeFaults()].map((fault) => `${path}: ${fault}`));
    }
    await desk.close();
  };
  await Promise.all(Array.from({ length: DESKS }, work));
  return faults;
}

async function accessibility(desk, path) {
  await desk.go(path);
  await unfold(desk.page);
  return [...await axeFaults(desk.page), ...await sidewaysFaults(desk.page)];
}

// The page's own rules, under its content policy; the desk itself notes errors, violations and foreign requests.
async function conduct(desk, path) {
  const response = await desk.go(path);
  const faults = [];
  const { responseBodySize } = await response.request().sizes();
  if (responseBodySize > MOST_HTML_BYTES) faults.push(`${responseBodySize} bytes of HTML`);
  if (!response.headers()["content-security-policy"]) faults.push("no content policy");
  const h1 = await desk.page.locator("h1").allTextContents();
  if (h1.length !== 1) faults.push(`${h1.length} headings`);
  await unfold(desk.page);
  return [...faults, ...await sidewaysFaults(desk.page)];
}

// The form of a page as nobody filled it in: what is missing is said at the top, in a way that can be reached.
async function emptyForm(desk, path) {
  await desk.go(path);
  await desk.page.locator("main form button.primary[type=submit]").evaluate((button) => {
    button.form.noValidate = true;
    button.click();
  });
  const alert = desk.page.getByRole("alert");
  await alert.waitFor();
  const links = await alert.getByRole("link").all();
  const targets = await Promise.all(links.map((link) => link.evaluate((element) => Boolean(document.querySelector(`[id="${element.hash.slice(1)}"]`)))));
  const faults = targets.includes(false) || targets.length === 0 ? ["no link to the faulty field"] : [];
  if (await desk.page.locator("[aria-invalid=true]").count() === 0) faults.push("no field is marked as faulty");
  await unfold(desk.page);
  return [...faults, ...await axeFaults(desk.page), ...await sidewaysFaults(desk.page)];
}

export function testEveryPage(browser, receivers) {
  let pages = [];

  test("empty lists have no fault", async () => {
    const desk = await Desk.open(browser(), { script: "off" });
    const { pages: found, broken } = await findPages(desk);
    await desk.close();
    assert.deepEqual(broken, []);
    assert.ok(found.length >= 10, `only ${found.join(" ")}`);
    assert.deepEqual(await faultsOf(browser(), LOOKS[0], found, accessibility), []);
  });

  test("pages are found by following links", async () => {
    await seed(receivers);
    await seedHostile(receivers);
    const desk = await Desk.open(browser(), { script: "off" });
    const found = await findPages(desk);
    pages = found.pages;
    await desk.close();
    assert.deepEqual(found.broken, []);
    const shapes = new Set(pages.map(shape));
    for (const known of ["/integrations/api-keys/{id}/revoke", "/integrations/webhooks/{id}/edit", "/integrations/deliveries/{id}", "/integrations/imports/{id}"]) {
      assert.ok(shapes.has(known), `${known} was not found among ${[...shapes].join(" ")}`);
    }
    console.log(`${pages.length} pages of ${shapes.size} shapes`);
  });

  for (const look of LOOKS) {
    test(`axe finds nothing: ${look.scheme}, script ${look.script}, ${look.width} px`, async () => {
      assert.deepEqual(await faultsOf(browser(), look, pages, accessibility), []);
    });
  }

  for (const script of ["on", "off"]) {
    test(`pages keep to their policy, their weight and ${NARROW} px: script ${script}`, async () => {
      assert.deepEqual(await faultsOf(browser(), { script, width: NARROW }, pages, conduct), []);
    });
  }

  for (const scheme of ["light", "dark"]) {
    test(`forms say what is missing: ${scheme}`, async () => {
      const forms = pages.filter((path) => path.endsWith("/new"));
      assert.ok(forms.length >= 3, `only ${forms.join(" ")}`);
      const look = { scheme, width: scheme === "dark" ? NARROW : WIDE, ignoresPolicy: true };
      assert.deepEqual(await faultsOf(browser(), look, forms, emptyForm), []);
    });
  }

  test("pages that nothing links to have no fault", async () => {
    const code = new URL(await signInLink()).search;
    const apart = ["/integrations/sign-in", `/integrations/sign-in${code.replace(/.$/, "_")}`, "/integrations/nothing", "/integrations/api-keys/ak_nobody"];
    for (const scheme of ["light", "dark"]) {
      const look = { scheme, width: NARROW, ignoresPolicy: true };
      assert.deepEqual(await faultsOf(browser(), { ...look, signedIn: false }, apart, accessibility), []);
      assert.deepEqual(await faultsOf(browser(), look, apart, accessibility), []);
      assert.deepEqual(await faultsOf(browser(), { ...look, scopes: ["sentries:read"] }, pages.slice(0, 6), accessibility), []);
    }
  });

  test("a page whose key was revoked says so", async () => {
    const key = await call("POST", "/v1/api-keys", { name: "Short-lived", scopes: ["keys:read", "webhooks:read"] });
    const desk = await Desk.open(browser(), { signedIn: false });
    await desk.go("/integrations/sign-in");
    await desk.page.getByLabel("API key").fill(key.key ?? key.secret);
    await desk.page.getByRole("button", { name: "Sign in" }).click();
    await desk.page.getByRole("button", { name: "Sign out" }).waitFor();
    await call("POST", `/v1/api-keys/${key.id}/revoke`, {});
    await eventually("the end of the session", async () => {
      await desk.go("/integrations/api-keys");
      return desk.page.url().includes("/integrations/sign-in");
    });
    await desk.close();
  });
}
