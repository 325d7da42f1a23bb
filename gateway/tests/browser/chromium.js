// Debian's Chromium, and a desk: a window of it of one kind, signed in or not, which notes what a page must not do.

import { chromium } from "playwright-core";
import { origin, signInLink } from "./gateway.js";

// As root there is no sandbox; the rest keeps Chromium from looking for hosts of its maker.
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

export function openChromium(options = {}) {
  return chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS, ...options });
}

export class Desk {
  // Errors of the console (violations of the content policy are among them), errors of scripts, foreign requests.
  faults = [];

  // `script`: "on"; "off", as a browser without JavaScript; or "lost": it could not be loaded, but axe can still run.
  static async open(browser, { scheme = "light", script = "on", width = 1280, height = 900, ignoresPolicy = false, signedIn = true, scopes, context: extra } = {}) {
    const desk = new Desk();
    desk.context = await browser.newContext({
      colorScheme: scheme, javaScriptEnabled: script !== "off", viewport: { width, height }, bypassCSP: ignoresPolicy,
      reducedMotion: "reduce", ...extra,
    });
    desk.context.setDefaultTimeout(20_000);
    if (script === "lost") await desk.context.route("**/*.js", (route) => route.abort());
    desk.context.on("request", (request) => desk.#seeRequest(request));
    desk.context.on("weberror", (error) => desk.faults.push(`a script's error: ${error.error()}`));
    desk.context.on("console", (message) => desk.#seeMessage(message, script));
    desk.page = await desk.context.newPage();
    if (signedIn) {
      await desk.go(await signInLink(scopes));
      if (script === "off" && await desk.page.getByRole("button", { name: "Sign in" }).count()) {
        await desk.page.getByRole("button", { name: "Sign in" }).click();
      }
    }
    return desk;
  }

  // Goes to a page; what it answered.
  go(path) {
    return this.page.goto(new URL(path, origin).href);
  }

  // The faults since the last call.
  takeFaults() {
    return this.faults.splice(0);
  }

  close() {
    return this.context.close();
  }

  #seeRequest(request) {
    const url = request.url();
    if (!url.startsWith(`${origin}/`)) this.faults.push(`a request to ${url}`);
  }

  #seeMessage(message, script) {
    if (!["error", "warning"].includes(message.type())) return;
    // A page's own status 4xx or 5xx, and the script that was lost on purpose, are no faults of the page.
    const isOfStatus = message.text().startsWith("Failed to load resource: the server responded with a status of");
    const isLost = script === "lost" && message.text().includes("net::ERR_FAILED");
    if (!isOfStatus && !isLost) this.faults.push(`${message.type()}: ${message.text()}`);
  }
}
