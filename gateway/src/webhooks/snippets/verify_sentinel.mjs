// Verifies X-Sentinel-Signature: `sha256=` and the HMAC-SHA256 of the raw body in hexadecimal, as GitHub signs.
// Node 16 or later and nothing else. The secret is the webhook's `secret`, 64 characters, from WEBHOOK_SECRET.
//
//   WEBHOOK_SECRET=… node verify_sentinel.mjs "$X_SENTINEL_SIGNATURE" < body.json

import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Whether `header` signs `body`, a Buffer of the raw bytes and not JSON that was read and written again. */
export function verify(body, header, secret) {
  const expected = Buffer.from("sha256=" + createHmac("sha256", secret).update(body).digest("hex"));
  let isValid = false;
  // While a secret is being replaced there are two signatures, joined by a comma.
  for (const one of header.split(",")) {
    const given = Buffer.from(one.trim());
    if (given.length === expected.length && timingSafeEqual(given, expected)) isValid = true;
  }
  return isValid;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const secret = process.env.WEBHOOK_SECRET ?? "";
  if (secret.length !== 64 || process.argv.length !== 3) {
    console.error("usage: WEBHOOK_SECRET=… node verify_sentinel.mjs SIGNATURE < BODY");
    process.exit(2);
  }
  const isValid = verify(readFileSync(0), process.argv[2], secret);
  console.log(isValid ? "valid" : "invalid");
  process.exit(isValid ? 0 : 1);
}
