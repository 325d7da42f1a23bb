// What someone does who comes for the first time: signs in by the link that was printed, makes a key, adds a webhook, sends
// a test event, sees it arrive, breaks the receiver, sees why it fails, sends it again; sends an event, and recovers
// what failed; then imports a file and undoes it.
// With JavaScript and without.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Desk } from "./chromium.js";
import { call, eventually, signInLink } from "./gateway.js";
import { Receiver } from "./receiver.js";

// The link that `gateway dev` printed works once; whoever comes later asks for another.
async function printedLink() {
  const log = await readFile(process.env.GATEWAY_LOG, "utf8");
  return log.match(/https?:\S+\/integrations\/sign-in\?code=[0-9a-f]+/)[0];
}

class Reader {
  constructor(page) {
    this.page = page;
  }

  link(name) { return this.page.getByRole("link", { name, exact: true }).first().click(); }

  button(name) { return this.page.getByRole("button", { name, exact: true }).click(); }

  heading(name) { return this.page.getByRole("heading", { level: 1, name }).waitFor(); }

  menu(name) { return this.page.getByRole("navigation", { name: "Main" }).getByRole("link", { name, exact: true }).click(); }

  field(name) { return this.page.getByRole("textbox", { name, exact: true }); }

  // What a fact of the page's list says.
  fact(name) { return this.page.locator("dl > div").filter({ has: this.page.locator("dt", { hasText: new RegExp(`^${name}$`) }) }).locator("dd").first().innerText(); }

  // Loads the page until it says so.
  until(what, probe) {
    return eventually(what, async () => {
      if (await probe()) return true;
      await this.page.reload();
      return false;
    });
  }
}

async function makeKey(reader, name) {
  await reader.menu("API keys");
  await reader.link("Create API key");
  await reader.field("Name").fill(name);
  await reader.button("Read only");
  assert.equal(await reader.field("Name").inputValue(), name, "what was typed is kept");
  assert.ok(await reader.page.getByRole("checkbox", { name: "crm:read", exact: true }).isChecked());
  assert.ok(!await reader.page.getByRole("checkbox", { name: "crm:write", exact: true }).isChecked());
  await reader.page.getByRole("main").getByRole("button", { name: "Create API key" }).last().click();
  await reader.heading("API key created");
  const secret = await reader.field("API key").inputValue();
  assert.equal((await call("GET", "/v1/whoami", undefined, { Authorization: `Bearer ${secret}` })).key?.name ?? name, name);
  await reader.link("I have stored it");
  await reader.heading(name);
}

async function addWebhook(reader, name, url) {
  await reader.menu("Webhooks");
  await reader.link("Add webhook");
  await reader.field("Name").fill(name);
  await reader.field("Endpoint URL").fill(url);
  await reader.page.getByRole("checkbox", { name: "invoice.paid", exact: true }).check();
  await reader.page.getByText("More options").click();
  await reader.field("Attempts").fill("1");
  await reader.button("Add webhook");
  await reader.heading("Webhook added");
  assert.match(await reader.field("Signing secret").inputValue(), /^[0-9a-f]{64}$/);
  assert.match(await reader.field("Standard Webhooks secret").inputValue(), /^whsec_/);
  await reader.link("I have stored it");
  await reader.heading(name);
}

async function deliver(reader, receiver) {
  await reader.button("Send test event");
  assert.match(await reader.page.getByRole("status").first().innerText(), /200/);
  const row = reader.page.getByRole("table", { name: "Newest deliveries" }).getByRole("row").nth(1);
  await row.getByRole("link").first().click();
  assert.match(await reader.fact("Status"), /^succeeded/);
  const attempts = reader.page.getByRole("table", { name: "Attempts" });
  assert.match(await attempts.innerText(), /200/);
  assert.match(await attempts.getByRole("img").getAttribute("aria-labelledby"), /./);
  assert.match(await attempts.innerText(), /total [0-9.]+ ms/);
  assert.equal(await reader.page.getByRole("region", { name: "Request body" }).locator("code").first().innerText(), receiver.bodies.at(-1));
  assert.match(await reader.page.getByRole("region", { name: "Response body" }).innerText(), /received/);
}

async function breakAndMend(reader, receiver, name) {
  Object.assign(receiver.answer, { status: 503, body: "<b>closed</b> for stock-taking" });
  await call("POST", "/v1/events", { type: "invoice.paid", data: { invoice: name } });
  await reader.menu("Deliveries");
  await reader.page.getByRole("search", { name: "Filter" }).getByRole("combobox", { name: "Webhook" }).selectOption({ label: name });
  await reader.button("Apply");
  assert.match(reader.page.url(), /webhook_id=/);
  const table = reader.page.getByRole("table", { name: "Deliveries" });
  const failed = table.getByRole("row").filter({ hasText: "failed" });
  await reader.until("the failed delivery", () => failed.count());
  assert.match(await failed.first().innerText(), /503/);
  await failed.first().getByRole("rowheader").getByRole("link").click();
  const attempts = await reader.page.getByRole("table", { name: "Attempts" }).innerText();
  assert.match(attempts, /503/);
  assert.match(attempts, /The endpoint failed on its own/, "the advice");
  assert.match(await reader.page.getByRole("region", { name: "Response body" }).innerText(), /<b>closed<\/b> for stock-taking/);
  Object.assign(receiver.answer, { status: 200, body: "thank you" });
  await reader.button("Redeliver");
  await reader.page.getByRole("status").first().waitFor();
  await reader.until("the copy that arrived", async () => /succeeded/.test(await reader.fact("Status")) || await followCopy(reader));
  assert.match(await reader.page.getByRole("region", { name: "Response body" }).innerText(), /thank you/);
  await reader.page.locator("dl.facts").getByRole("link", { name: /^dlv_/ }).first().waitFor();
}

// From the delivery that failed to the one that repeats it, if the page is not there already.
async function followCopy(reader) {
  const copies = reader.page.locator("dl.facts > div", { hasText: "Copies" }).getByRole("link");
  if (await copies.count() === 0) return false;
  await copies.first().click();
  return false;
}

// An event that is sent from the console fails, and is recovered with all that failed.
async function sendAndRecover(reader, receiver, name) {
  receiver.answer.status = 503;
  await reader.menu("Events");
  await reader.link("Send event");
  await reader.page.getByRole("combobox", { name: "Type" }).selectOption("invoice.paid");
  const data = '{"invoice": "by hand", "amount": 1240.50}';
  await reader.field("Data (JSON)").fill(data);
  await reader.button("Send event");
  await reader.heading(/^evt_/);
  assert.equal(await reader.page.getByRole("region", { name: "Data", exact: true }).locator("code").first().innerText(), data);
  await reader.menu("Webhooks");
  await reader.link(name);
  await reader.link("Recover");
  await reader.heading(`Recover ${name}`);
  await reader.until("the failure", () => reader.page.getByRole("button", { name: "Redeliver 1 deliveries" }).count());
  receiver.answer.status = 200;
  await reader.button("Redeliver 1 deliveries");
  assert.match(await reader.page.getByRole("status").first().innerText(), /Recovery started: 1 deliveries/);
  const progress = reader.page.getByRole("table", { name: "Recovery progress" });
  await reader.until("the end of the recovery", async () => /1 of 1/.test(await progress.innerText()));
  assert.ok(receiver.bodies.at(-1).includes(data), "it arrived as it was typed");
}

async function importFile(reader, file) {
  const rows = "E-Mail,First name,City\nada@way.example,Ada,London\nnobody,Alan,Wilmslow\ngrace@way.example,Grace,Arlington\n";
  await reader.menu("Imports");
  await reader.link("Import a file");
  await reader.page.getByRole("combobox", { name: "Object" }).selectOption({ label: "CONTACT" });
  await reader.page.getByLabel("CSV file").setInputFiles({ name: file, mimeType: "text/csv", buffer: Buffer.from(rows) });
  await reader.button("Check file");
  await reader.heading(file);
  assert.deepEqual([await reader.fact("Created"), await reader.fact("Failed")], ["2", "1"], "exact counts before anything changed");
  assert.match(await reader.page.getByRole("table", { name: "Faults by cause" }).innerText(), /Row 2.*nobody/s);
  await reader.button("Import 2 rows");
  await reader.until("the end of the import", async () => await reader.page.getByRole("link", { name: "Undo import" }).count());
  assert.deepEqual([await reader.fact("Created"), await reader.fact("Failed")], ["2", "1"]);
  const [download] = await Promise.all([reader.page.waitForEvent("download"), reader.link("Download errors")]);
  assert.match(await readFile(await download.path(), "utf8"), /nobody/);
  await reader.link("Undo import");
  await reader.button("Undo import");
  await reader.heading(file);
  await reader.until("the undoing", async () => /undone/.test(await reader.page.getByRole("main").innerText()));
}

export function testWholeWay(browser) {
  for (const script of ["on", "off"]) {
    test(`the whole way, script ${script}`, async () => {
      const receiver = await Receiver.start();
      const desk = await Desk.open(browser(), { script, signedIn: false });
      const reader = new Reader(desk.page);
      try {
        await desk.go(script === "on" ? await printedLink() : await signInLink());
        await reader.heading("Overview");
        await makeKey(reader, `Way, script ${script}`);
        await addWebhook(reader, `Shop, script ${script}`, receiver.url("/shop"));
        await deliver(reader, receiver);
        await breakAndMend(reader, receiver, `Shop, script ${script}`);
        await sendAndRecover(reader, receiver, `Shop, script ${script}`);
        await importFile(reader, `way-${script}.csv`);
        await reader.button("Sign out");
        await desk.go("/integrations/api-keys");
        await reader.heading("Sign in");
        assert.deepEqual(desk.takeFaults(), []);
      } finally {
        await desk.close();
        await receiver.stop();
      }
    });
  }
}
