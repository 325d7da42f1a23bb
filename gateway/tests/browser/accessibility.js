// What axe-core finds on a page, and what it cannot see: scrolling sideways.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// WCAG 2.2, A and AA. The size of targets is off in axe unless it is asked for.
const RULES = {
  runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] },
  rules: { "target-size": { enabled: true } },
  resultTypes: ["violations"],
  // Style sheets of other origins, of which there are none.
  preload: false,
};

// Opens what is folded, so that it is looked at too.
export function unfold(page) {
  return page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
}

// A line for each fault. The desk must ignore the content policy, which lets no other script in.
export async function axeFaults(page) {
  await page.evaluate(source);
  const { violations } = await page.evaluate((rules) => globalThis.axe.run(document, rules), RULES);
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => {
    const why = [...node.any, ...node.all, ...node.none].map((check) => check.message).join("; ");
    return `axe ${id}: ${node.html.slice(0, 160)} (${why})`;
  }));
}

// A line if the page is wider than its window, naming what sticks out.
export function sidewaysFaults(page) {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    const scrolls = (element) => element && (getComputedStyle(element).overflowX !== "visible" || scrolls(element.parentElement));
    const out = [...document.querySelectorAll("body *")].filter((element) =>
      element.getBoundingClientRect().right > clientWidth + 1 && !scrolls(element.parentElement === document.documentElement ? null : element.parentElement));
    return [`${scrollWidth} px wide in a window of ${clientWidth}: ${out.slice(0, 3).map((element) => element.outerHTML.slice(0, 100)).join(" | ")}`];
  });
}
