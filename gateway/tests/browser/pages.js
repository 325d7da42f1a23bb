// The pages of the console, found as a reader finds them: by following links from the overview. So a page that is added is
// tested without being named here.

import { origin } from "./gateway.js";

// Pages of one shape that are looked at, if they are made up differently (such as a delivery that failed).
const MOST_OF_A_SHAPE = 2;
const MOST_OPENED_OF_A_SHAPE = 6;

// A path with its ids taken out, and the names of its parameters.
export function shape(href) {
  const { pathname, searchParams } = new URL(href, origin);
  const parts = pathname.split("/").map((part) => (/[0-9_%]|^$/.test(part) && part ? "{id}" : part));
  const names = [...new Set(searchParams.keys())].sort().join("&");
  return parts.join("/") + (names && `?${names}`);
}

// What a page is made of: its headings, statuses and kinds of elements.
const makeUp = () => {
  const kinds = [...document.querySelectorAll("main *")].map((element) => `${element.tagName}.${element.className.baseVal ?? element.className}`);
  const words = [...document.querySelectorAll("main h2, main .status")].map((element) => element.textContent.trim());
  return [...new Set([...kinds, ...words])].sort().join(" ");
};

const readLinks = () => [...document.querySelectorAll("a[href]:not([download])")].map((link) => link.getAttribute("href"));

// Their paths, and a line for each link that leads nowhere. The desk is signed in.
export async function findPages(desk) {
  const waiting = ["/integrations"];
  const from = new Map([[waiting[0], null]]);
  const opened = new Map();
  const found = new Map();
  const pages = [];
  const broken = [];
  while (waiting.length > 0) {
    const path = waiting.shift();
    const kind = shape(path);
    if ((opened.get(kind) ?? 0) >= MOST_OPENED_OF_A_SHAPE) continue;
    opened.set(kind, (opened.get(kind) ?? 0) + 1);
    const response = await desk.go(path);
    if (response.status() !== 200) {
      broken.push(`${path}, to which ${from.get(path)} links: ${response.status()}`);
      continue;
    }
    const looks = await desk.page.evaluate(makeUp);
    const known = found.get(kind) ?? new Set();
    found.set(kind, known);
    if (!known.has(looks) && known.size < MOST_OF_A_SHAPE) {
      known.add(looks);
      pages.push(path);
    }
    for (const href of await desk.page.evaluate(readLinks)) {
      const [next] = href.split("#");
      if (!next.startsWith("/integrations") || from.has(next)) continue;
      from.set(next, path);
      waiting.push(next);
    }
  }
  return { pages, broken };
}
