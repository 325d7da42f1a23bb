// The console in a real browser, part by part: a workspace without anything, then with data, then what people do.

import { after, before } from "node:test";
import { openChromium } from "./chromium.js";
import { testEveryPage } from "./every-page.js";
import { testHostile } from "./hostile.js";
import { testKeyboard } from "./keyboard.js";
import { testSecrets } from "./secrets.js";
import { testWholeWay } from "./whole-way.js";

let browser;
const receivers = [];
before(async () => { browser = await openChromium(); });
after(async () => {
  await browser?.close();
  await Promise.all(receivers.map((receiver) => receiver.stop()));
});

testEveryPage(() => browser, receivers);
testHostile(() => browser);
testKeyboard(() => browser);
testWholeWay(() => browser);
testSecrets();
