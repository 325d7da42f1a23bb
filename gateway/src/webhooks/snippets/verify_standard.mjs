// Verifies a Standard Webhooks signature: HMAC-SHA256 of `id.timestamp.body` in base64, after `v1,`.
// Node 16 or later and nothing else. The secret is the webhook's `standard_secret`, `whsec_…`, from WEBHOOK_SECRET.
//
//   WEBHOOK_SECRET=… node verify_standard.mjs "$WEBHOOK_ID" "$WEBHOOK_TIMESTAMP" "$WEBHOOK_SIGNATURE" < body.json

import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

// Older and newer messages are refused, so that nobody can send a recorded one again for ever.
const TOLERANCE_SECONDS = 300;

/** Whether `signature` signs `body`, a Buffer of the raw bytes and not JSON that was read and written again. */
export function verify(body, id, timestamp, signature, secret) {
  if (!/^[0-9]{1,12}$/.test(timestamp)) return false;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) return false;
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  const hmac = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body);
  const expected = Buffer.from("v1," + hmac.digest("base64"));
  let isValid = false;
  // While a secret is being replaced there are two signatures, joined by a blank.
  for (const one of signature.split(" ")) {
    const given = Buffer.from(one);
    if (given.length === expected.length && timingSafeEqual(given, expected)) isValid = true;
  }
  return isValid;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const secret = process.env.WEBHOOK_SECRET ?? "";
  if (!secret.startsWith("whsec_") || process.argv.length !== 5) {
    console.error("usage: WEBHOOK_SECRET=… node verify_standard.mjs ID TIMESTAMP SIGNATURE < BODY");
    process.exit(2);
  }
  const [id, timestamp, signature] = process.argv.slice(2);
  const isValid = verify(readFileSync(0), id, timestamp, signature, secret);
  console.log(isValid ? "valid" : "invalid");
  process.exit(isValid ? 0 : 1);
}
