// What pages can do beyond what they can without a script. Hand-written, no dependency; HTML comes from the server and is
// parsed by the browser's own loader, never from a string.
"use strict";

const page = document.documentElement;
const each = (selector, act) => document.querySelectorAll(selector).forEach(act);

/* Copy buttons */

const copy = async (button, text) => {
  const label = button.dataset.label || button.textContent;
  button.dataset.label = label;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Press Ctrl+C";
  }
  announce(button.textContent);
  setTimeout(() => { button.textContent = label; }, 2000);
};

const source = (button) => {
  const element = document.getElementById(button.dataset.copyFrom);
  if (element.select) element.select();
  return element.value ?? element.textContent;
};

const prepareCopying = () => each("[data-copy], [data-copy-from]", (button) => {
  button.hidden = false;
  button.onclick = () => copy(button, button.dataset.copy ?? source(button));
});

/* What a screen reader should hear */

const voice = document.createElement("div");
voice.className = "unseen";
voice.setAttribute("aria-live", "polite");
document.body.append(voice);
const announce = (text) => { voice.textContent = text; };

/* How much of a text's limit is used */

const count = (field) => {
  const limit = Number(field.dataset.limit);
  const shown = document.createElement("p");
  shown.className = "hint";
  const show = () => {
    const length = [...field.value].length;
    shown.textContent = `${length} of ${limit}`;
    shown.className = length > limit ? "fault" : "hint";
  };
  field.after(shown);
  field.addEventListener("input", show);
  show();
};

/* Times: in the reader's zone if that is wanted, and how long ago */

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const two = (number) => String(number).padStart(2, "0");

const local = (moment) => {
  const zone = new Intl.DateTimeFormat("en", { timeZoneName: "short" }).formatToParts(moment);
  const name = zone.find((part) => part.type === "timeZoneName").value;
  const day = [moment.getFullYear(), two(moment.getMonth() + 1), two(moment.getDate())].join("-");
  return `${day} ${[moment.getHours(), moment.getMinutes(), moment.getSeconds()].map(two).join(":")} ${name}`;
};

const ago = (moment) => {
  const seconds = (moment - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) || UNITS.at(-1);
  return relative.format(Math.round(seconds / length), unit);
};

const showTime = (time) => {
  const moment = new Date(time.dateTime);
  if (Number.isNaN(moment.getTime())) return;
  time.dataset.utc ??= time.textContent;
  const isLocal = page.dataset.zone === "local";
  time.title = isLocal ? time.dataset.utc : local(moment);
  const when = document.createElement("span");
  when.className = "ago";
  when.textContent = ago(moment);
  time.replaceChildren(isLocal ? local(moment) : time.dataset.utc, " ", when);
};

const showTimes = () => each("time[datetime]", showTime);

const zones = document.getElementById("time-zone");
zones?.addEventListener("submit", (event) => {
  const zone = event.submitter?.value;
  if (!zone) return;
  event.preventDefault();
  document.cookie = `gw_zone=${zone}; Max-Age=31536000; Path=/integrations; SameSite=Lax`;
  page.dataset.zone = zone;
  each("#time-zone button", (button) => button.setAttribute("aria-pressed", String(button.value === zone)));
  showTimes();
});

/* Loading a page of the console as a document */

const load = (url, tag) => new Promise((done) => {
  const request = new XMLHttpRequest();
  request.open("GET", url);
  request.responseType = "document";
  request.timeout = 10000;
  if (tag) request.setRequestHeader("If-None-Match", tag);
  request.onload = () => done({ status: request.status, tag: request.getResponseHeader("ETag"), document: request.response, url: request.responseURL });
  request.onerror = request.ontimeout = () => done({ status: 0 });
  request.send();
});

/* Live lists: asked again while they are seen, and never moved under the reader */

const EVERY = 5000;

// Beside the heading that the list stands under, where it moves nothing.
const placeBar = (region, bar) => {
  const heading = region.closest("section")?.querySelector(".heading") ?? document.querySelector("main > .heading");
  heading.querySelector(".actions").prepend(bar);
};

const follow = (region) => {
  const body = region.querySelector("tbody");
  const bar = document.createElement("div");
  bar.className = "live";
  const more = document.createElement("button");
  more.type = "button";
  more.hidden = true;
  const pause = document.createElement("button");
  pause.type = "button";
  pause.className = "quiet";
  pause.textContent = "Pause live updates";
  bar.append(more, pause);
  placeBar(region, bar);
  let isPaused = false, isAsking = false, tag = null, fresh = null;

  pause.onclick = () => {
    isPaused = !isPaused;
    pause.textContent = isPaused ? "Resume live updates" : "Pause live updates";
    if (!isPaused) ask();
  };
  more.onclick = () => {
    body.replaceChildren(...[...fresh.rows].map((row) => document.importNode(row, true)));
    more.hidden = true;
    refresh();
    body.querySelector("a, button")?.focus();
  };
  const ask = async () => {
    if (isPaused || isAsking || document.hidden) return;
    isAsking = true;
    const answer = await load(location.href, tag);
    isAsking = false;
    const found = answer.status === 200 && answer.document?.querySelector("[data-live] tbody");
    if (!found || isPaused || new URL(answer.url).pathname !== location.pathname) return;
    tag = answer.tag;
    take(found);
  };
  const take = (found) => {
    fresh = found;
    const shown = new Map([...body.rows].map((row) => [row.dataset.id, row]));
    let count = 0;
    for (const row of found.rows) {
      const known = shown.get(row.dataset.id);
      if (!known) count += 1;
      else if (!known.contains(document.activeElement) && plain(known) !== plain(row)) {
        known.replaceWith(document.importNode(row, true));
      }
    }
    refresh();
    const text = `${count} newer: show`;
    if (count > 0 && more.textContent !== text) announce(`${count} newer`);
    more.textContent = text;
    more.hidden = count === 0;
  };
  setInterval(ask, EVERY);
  document.addEventListener("visibilitychange", ask);
};

// What a row says, whatever this script made of its times.
const plain = (row) => {
  const copy = row.cloneNode(true);
  copy.querySelectorAll("time").forEach((time) => { time.textContent = time.dateTime; });
  return copy.textContent;
};

const refresh = () => {
  showTimes();
  prepareCopying();
};

/* A running import: server-sent events move its numbers; at its end the page is loaded again */

const watch = (region) => {
  const events = new EventSource(region.dataset.progress);
  const take = (event) => {
    const now = JSON.parse(event.data);
    region.querySelectorAll("[data-value]").forEach((place) => {
      const value = now[place.dataset.value];
      if (value === undefined || value === null) return;
      if (place.tagName === "PROGRESS") place.value = value;
      else place.textContent = Number.isFinite(value) ? value.toLocaleString("en") : value;
    });
    if (now.status && !["queued", "running"].includes(now.status)) {
      events.close();
      location.reload();
    }
  };
  events.onmessage = take;
  events.addEventListener("progress", take);
  events.addEventListener("done", take);
};

/* A secret that was not stored yet is not left by accident */

const guard = () => {
  if (!document.querySelector("[data-secret]")) return;
  const stay = (event) => event.preventDefault();
  addEventListener("beforeunload", stay);
  each("[data-stored]", (link) => link.addEventListener("click", () => removeEventListener("beforeunload", stay)));
};

/* Shortcuts: / goes to the filter, ? tells of them */

const SHORTCUTS = [["/", "Go to the filter"], ["?", "Show or hide this"], ["Esc", "Hide this"]];

const help = () => {
  const found = document.getElementById("shortcuts");
  if (found) return found.remove();
  const box = document.createElement("section");
  box.id = "shortcuts";
  box.className = "card shortcuts";
  box.tabIndex = -1;
  box.setAttribute("aria-labelledby", "shortcuts-title");
  const title = document.createElement("h2");
  title.id = "shortcuts-title";
  title.textContent = "Shortcuts";
  const list = document.createElement("dl");
  for (const [key, what] of SHORTCUTS) {
    const term = document.createElement("dt");
    const name = document.createElement("kbd");
    name.textContent = key;
    term.append(name);
    const meaning = document.createElement("dd");
    meaning.textContent = what;
    list.append(term, meaning);
  }
  box.append(title, list);
  document.querySelector("main").prepend(box);
  box.focus();
};

addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, select, textarea, [contenteditable]");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const filter = document.querySelector("search input, search select");
  if (event.key === "/" && filter) {
    event.preventDefault();
    filter.focus();
  } else if (event.key === "?") {
    event.preventDefault();
    help();
  } else if (event.key === "Escape") {
    document.getElementById("shortcuts")?.remove();
  }
});

refresh();
setInterval(showTimes, 30000);
each("[data-limit]", count);
each("[data-live]", follow);
each("[data-progress]", watch);
guard();
document.querySelector("[role=alert]")?.focus();
