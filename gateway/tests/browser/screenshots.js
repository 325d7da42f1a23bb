// Writes every page as a picture, light and dark, wide and narrow, filled with data as people have them.
// Usage: node screenshots.js FOLDER    (scripts/browser-suite --screenshots starts the gateway that it needs)

import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Desk, openChromium } from "./chromium.js";
import { seedHistory } from "./history.js";
import { findPages, shape } from "./pages.js";
import { seed } from "./seed.js";

const SCHEMES = ["light", "dark"];
const WIDTHS = [320, 1440];

// Those of the README, small: what to click on the way, and how they look.
const README = [
  { name: "delivery", scheme: "light", path: "/integrations/deliveries?status=failed", row: /^dlv_/ },
  { name: "import", scheme: "dark", path: "/integrations/imports", row: "contacts-november.csv" },
];

const [, , folder] = process.argv;

// A name for each page, and a number behind it where there are several of a kind.
function named(paths) {
  const counts = new Map();
  return paths.map((path) => {
    const name = shape(path).slice(1).replaceAll(/[^a-z-]+/g, "_").replace(/_$/, "");
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return { path, name: count === 1 ? name : `${name}-${count}` };
  });
}

// WebP, which Playwright does not write by itself.
async function takeForReadme(browser, { name, scheme, path, row }) {
  const desk = await Desk.open(browser, { scheme, width: 1120, height: 720 });
  await desk.go(path);
  await desk.page.getByRole("rowheader", { name: row }).getByRole("link").first().click();
  await desk.page.getByRole("heading", { level: 1, name: row }).waitFor();
  const session = await desk.context.newCDPSession(desk.page);
  const { data } = await session.send("Page.captureScreenshot", { format: "webp", quality: 85 });
  await writeFile(join(folder, `${name}.webp`), Buffer.from(data, "base64"));
  await desk.close();
}

const receivers = [];
const browser = await openChromium();
try {
  await seed(receivers);
  await seedHistory();
  const finder = await Desk.open(browser);
  const { pages } = await findPages(finder);
  await finder.close();
  const shown = named(pages);
  for (const scheme of SCHEMES) {
    for (const width of WIDTHS) {
      const into = join(folder, `${scheme}-${width}`);
      await rm(into, { recursive: true, force: true });
      await mkdir(into, { recursive: true });
      const desk = await Desk.open(browser, { scheme, width });
      const take = async (path, name) => {
        await desk.go(path);
        await desk.page.screenshot({ path: join(into, `${name}.png`), fullPage: true });
      };
      for (const { path, name } of shown) await take(path, name);
      await desk.context.clearCookies();
      await take("/integrations/sign-in", "integrations_sign-in");
      await desk.close();
    }
  }
  for (const picture of README) await takeForReadme(browser, picture);
  console.log(`${(shown.length + 1) * SCHEMES.length * WIDTHS.length + README.length} pictures are in ${folder}`);
} finally {
  await browser.close();
  await Promise.all(receivers.map((receiver) => receiver.stop()));
}
