// Names, cells and answers that hold markup are shown as they are, and do nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Desk } from "./chromium.js";
import { call } from "./gateway.js";
import { HOSTILE } from "./seed.js";

export function testHostile(browser) {
  test("hostile names and answers are text", async () => {
    const desk = await Desk.open(browser(), { ignoresPolicy: true });
    const { page } = desk;
    const dialogs = [];
    page.on("dialog", (dialog) => {
      dialogs.push(dialog.message());
      dialog.dismiss();
    });
    const list = async (path) => (await call("GET", path)).data;
    const named = (rows, field) => rows.find((row) => row[field]?.startsWith(HOSTILE.slice(0, 20)));
    try {
      for (const [path, rows, field] of [["api-keys", await list("/v1/api-keys"), "name"], ["webhooks", await list("/v1/webhooks"), "name"], ["imports", await list("/v1/imports"), "filename"]]) {
        const row = named(rows, field);
        assert.ok(row, `${path} has a hostile one`);
        await desk.go(`/integrations/${path}/${row.id}`);
        assert.equal(await page.getByRole("heading", { level: 1 }).innerText(), row[field]);
        await desk.go(`/integrations/${path}`);
        await page.getByRole("rowheader").getByText(HOSTILE.slice(0, 20)).first().waitFor();
      }
      const [delivery] = await list("/v1/deliveries?status_code=500");
      await desk.go(`/integrations/deliveries/${delivery.id}`);
      assert.match(await page.getByRole("region", { name: "Response body" }).innerText(), /<\/pre><\/code><script>alert\(1\)<\/script>/);
      assert.ok(await page.getByRole("region", { name: "Response body" }).isVisible(), "a style in the answer hides nothing");
      assert.equal(await page.locator("main script, main img, main style").count(), 0);
      assert.deepEqual(dialogs, []);
      assert.deepEqual(desk.takeFaults(), []);
    } finally {
      await desk.close();
    }
  });

  test("a page of another origin neither frames the console nor changes it", async () => {
    const desk = await Desk.open(browser());
    const key = (await call("GET", "/v1/api-keys")).data.find((one) => one.name === "Grafana");
    const target = new URL(`/integrations/api-keys/${key.id}/revoke`, desk.page.url()).href;
    const other = "http://other.example/";
    await desk.context.route(`${other}**`, (route) => route.fulfill({
      contentType: "text/html",
      body: `<iframe src="${target}"></iframe><form method="post" action="${target}"><input name="form_id" value="00000000-0000-4000-8000-000000000000"><button>Win</button></form>`,
    }));
    try {
      const page = await desk.context.newPage();
      await page.goto(other);
      assert.equal(await page.frames()[1].locator("form").count().catch(() => 0), 0, "the frame shows nothing of the console");
      const [answer] = await Promise.all([page.waitForResponse((response) => response.request().method() === "POST"), page.getByRole("button", { name: "Win" }).click()]);
      assert.ok([303, 403].includes(answer.status()), `${answer.status()}`);
      assert.equal((await call("GET", `/v1/api-keys/${key.id}`)).revoked_at ?? null, null);
    } finally {
      await desk.close();
    }
  });
}
