// A workspace as people have it, made through the API: keys of every status, endpoints that work and that fail, imports,
// sentries. The same data stand in the screenshots.

import { call, eventually } from "./gateway.js";
import { Receiver } from "./receiver.js";

const HOUR_SECONDS = 3600;
const DAY_SECONDS = 24 * HOUR_SECONDS;
// How long the shortest key lives: it has expired when all is seeded.
const DEMO_SECONDS = 2;
const fromNow = (seconds) => new Date(Date.now() + seconds * 1000).toISOString();

const CONTACTS = `E-Mail,First name,Last name,Company,Phone,City,Country
ada.lovelace@example.com,Ada,Lovelace,Analytical Engines,020 7946 0958,London,United Kingdom
grace.hopper@example.org,Grace,Hopper,US Navy,(202) 555-0143,Arlington,United States
katherine@example.net,Katherine,Johnson,Langley Research,(757) 555-0127,Hampton,United States
mary.jackson@example.net,Mary,Jackson,Langley Research,(757) 555-0199,Hampton,United States
hedy@example.com,Hedy,Lamarr,Frequency Partners,+43 1 5550 111,Vienna,Austria
`;
const FAULTY = "not an address,Alan,Turing,Bletchley Park,,Milton Keynes,United Kingdom\nradia@,Radia,Perlman,Spanning Trees,,Boston,United States\n";
const DEALS = "Name,Amount,Currency,Stage,Close date,Company\nNordwind renewal,18400.00,EUR,Proposal,2026-12-18,Nordwind\nGlobex pilot,50000,EUR,Qualified,2027-01-31,Globex\nAcme expansion,a lot,USD,Proposal,soon,Acme\n";

export const importFile = (name, text, query) =>
  call("POST", `/v1/imports?${new URLSearchParams({ filename: name, ...query })}`, text, { "Content-Type": "text/csv" });

async function seedKeys() {
  const read = ["crm:read", "commerce:read", "events:read", "webhooks:read", "imports:read"];
  const key = (name, scopes, more = {}) => call("POST", "/v1/api-keys", { name, scopes, ...more });
  await key("Checkout service", ["events:write", "commerce:read"], { rate_limit_per_second: 200 });
  await key("Nightly export", read, { expires_at: fromNow(90 * DAY_SECONDS), ip_allowlist: ["192.0.2.0/24", "2001:db8::/32"] });
  await key("Nordwind (partner)", ["crm:read", "crm:write"], { expires_at: fromNow(3 * DAY_SECONDS) });
  await key("Grafana", ["webhooks:read", "sentries:read", "audit:read"]);
  const old = await key("Old build server", ["events:write"]);
  await call("POST", `/v1/api-keys/${old.id}/revoke`, {});
  await key("Trade fair demo", ["crm:read"], { expires_at: fromNow(DEMO_SECONDS) });
}

const deliveries = (status) => call("GET", `/v1/deliveries?status=${status}`).then((page) => page.data);

// A receiver for each endpoint, so that each has its own answer.
async function seedWebhooks(receivers) {
  const receiver = async (answer) => {
    const made = await Receiver.start();
    receivers.push(made);
    Object.assign(made.answer, answer);
    return made;
  };
  const webhook = (name, made, path, events, more = {}) => call("POST", "/v1/webhooks", { name, url: made.url(path), events, ...more });
  const billing = await webhook("Billing", await receiver({ delayMs: 35 }), "/hooks/sentinel", ["invoice.paid", "deal.won"], { description: "Books what was won, and chases what was not paid." });
  const broken = await receiver({ status: 503, body: '{"error":"maintenance","until":"18:00"}', delayMs: 140 });
  await webhook("Warehouse", broken, "/api/v2/inbound", ["product.created", "product.updated", "deal.won"], { max_attempts: 3 });
  await webhook("Analytics pipeline", await receiver({ delayMs: 80 }), "/collect", ["*"], { filter: { currency: { in: ["EUR", "USD"] } }, headers: { "X-Team": "data" }, rate_limit_per_second: 50, ordering: "by_key" });
  await webhook("Chat alerts", { url: () => "http://127.0.0.1:9/alerts" }, "", ["ticket.created", "deal.lost"], { max_attempts: 2 });
  const off = await webhook("Old CRM sync", await receiver({}), "/sync", ["contact.created", "contact.updated"]);
  await call("PATCH", `/v1/webhooks/${off.id}`, { enabled: false });
  return billing;
}

async function seedEvents(billing) {
  const event = (type, data, more = {}) => call("POST", "/v1/events", { type, data, ...more });
  await event("deal.won", { deal: "Nordwind renewal", amount: 18400.00, currency: "EUR", owner: "sam@example.com" }, { id: "deal-2041-won" });
  for (const [number, amount] of [[1187, 1240.5], [1188, 320], [1189, 9975]]) {
    await event("invoice.paid", { invoice: `2026-${number}`, amount, currency: "EUR" }, { ordering_key: "nordwind" });
  }
  for (const sku of ["LAMP-07", "DESK-12", "CHAIR-03", "SHELF-44", "RUG-18"]) await event("product.updated", { sku, stock: sku.length * 3 });
  await event("ticket.created", { ticket: 5512, subject: "Invoice shows the wrong address", priority: "high" });
  await event("contact.updated", { email: "ada.lovelace@example.com", changed: ["phone"] });
  await call("POST", `/v1/webhooks/${billing.id}/test`, {});
  await eventually("the first delivery of every kind", async () => {
    const [good, bad, waiting] = await Promise.all(["succeeded", "failed", "pending"].map(deliveries));
    return good.length >= 6 && bad.length >= 5 && waiting.length >= 1;
  });
  const [failed] = await deliveries("failed");
  await call("POST", `/v1/deliveries/${failed.id}/redeliver`, {});
}

async function seedImports() {
  await importFile("contacts-november.csv", CONTACTS + FAULTY, { object: "contact" });
  await importFile("contacts-corrected.csv", CONTACTS, { object: "contact" });
  const undone = await importFile("products-trial.csv", "sku,name,price,currency\nLAMP-07,Desk lamp,39.90,EUR\nRUG-18,Wool rug,249,EUR\n", { object: "product" });
  await call("POST", `/v1/imports/${undone.id}/undo`, {});
  await importFile("deals-q4.csv", DEALS, { object: "deal", dry_run: true, keep: true });
  await importFile("half-a-file.csv", "nothing\nthat is known\n", { object: "deal", dry_run: true }).catch(() => undefined);
}

async function seedSentries() {
  const sentry = (name, more) => call("POST", "/v1/sentries", { name, ...more });
  const report = (made, body) => call("POST", `/v1/sentries/${made.id}`, body);
  const orders = await sentry("Orders, nightly dbt run", { description: "Loads yesterday's orders into the warehouse.", timeout_hours: 26 });
  const rates = await sentry("Exchange rates", { description: "From the central bank, each working day." });
  const revenue = await sentry("Revenue mart", { upstream: [orders.id, rates.id], timeout_hours: 30 });
  await sentry("Customer 360");
  for (const count of [18211, 18340, 17996, 18502]) await report(orders, { state: "happy", user_message: `${count} orders loaded`, meta: { latest_record_at: fromNow(-2 * HOUR_SECONDS), counts: { orders: count } } });
  await report(rates, { state: "sad", user_message: "The bank's file is late", history_note: "Yesterday's rates are used until it comes.", private_entry: true });
  await report(revenue, { state: "happy", user_message: "Built from 2 sources" });
  const hoot = (name, more) => call("POST", "/v1/hoots", { name, ...more });
  await hoot("Revenue dashboard", {
    description: "Monthly revenue by region.", resource_url: "https://dashboards.example.com/revenue", sentries: [revenue.id, orders.id],
    links: [{ label: "How revenue is counted", url: "https://wiki.example.com/revenue" }],
    faqs: [{ question: "Why does this differ from the ledger?", answer: "The ledger counts by invoice date; this counts by delivery date." }],
  });
  await hoot("Operations wallboard", { sentries: [orders.id], public: false, message: "For the night shift" });
}

// Names that would do harm if they were not escaped, and words longer than any column.
export const HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;{{7*7}}\u202egnp.exe";
export const LONG = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft".repeat(2).slice(0, 120);

export async function seedHostile(receivers) {
  const receiver = await Receiver.start();
  receivers.push(receiver);
  Object.assign(receiver.answer, { status: 500, body: `</pre></code>${HOSTILE}<style>body{display:none}</style>`, contentType: "text/html" });
  for (const name of [HOSTILE, LONG]) {
    await call("POST", "/v1/api-keys", { name, scopes: ["crm:read"] });
    await call("POST", "/v1/webhooks", { name, url: receiver.url(`/${encodeURIComponent(name)}`), events: ["deal.lost"], max_attempts: 1, description: name, headers: { "X-Hostile": "<b>\"'&" } });
    await call("POST", "/v1/events", { type: "deal.lost", id: `${name.replaceAll(/\W/g, "")}_1`, data: { note: `</code></pre>${name}`, deep: { "<i>": [name] } } });
    await importFile(`${name}.csv`, `email,${JSON.stringify(name)}\n"${name.replaceAll('"', '""')}",x\n`, { object: "contact" });
    const sentry = await call("POST", "/v1/sentries", { name, description: name });
    await call("POST", `/v1/sentries/${sentry.id}`, { state: "sick", user_message: name.slice(0, 80), history_note: name, meta: { [name.slice(0, 40)]: name } });
    await call("POST", "/v1/hoots", { name, description: name, sentries: [sentry.id], message: name.slice(0, 80), links: [{ label: name.slice(0, 80), url: "https://example.com/?a=<b>" }], faqs: [{ question: name, answer: name }] });
  }
  await eventually("the delivery that was answered with markup", async () => (await call("GET", "/v1/deliveries?status_code=500&status=failed")).data.length >= 2);
}

// Everything but what is hostile. The receivers go on until the caller stops them.
export async function seed(receivers) {
  await seedKeys();
  const isDemoOver = new Promise((done) => setTimeout(done, (DEMO_SECONDS + 1) * 1000));
  const billing = await seedWebhooks(receivers);
  await seedEvents(billing);
  await seedImports();
  await seedSentries();
  await isDemoOver;
}
