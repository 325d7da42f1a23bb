"""Verifies a Standard Webhooks signature: HMAC-SHA256 of `id.timestamp.body` in base64, after `v1,`.

Python 3.8 or later and nothing else. The secret is the webhook's `standard_secret`, `whsec_…`, from WEBHOOK_SECRET.

    WEBHOOK_SECRET=… python3 verify_standard.py "$WEBHOOK_ID" "$WEBHOOK_TIMESTAMP" "$WEBHOOK_SIGNATURE" < body.json
"""

import base64
import hashlib
import hmac
import os
import sys
import time

# Older and newer messages are refused, so that nobody can send a recorded one again for ever.
TOLERANCE_SECONDS = 300


def verify(body: bytes, message_id: str, timestamp: str, signature: str, secret: str) -> bool:
    """Whether `signature` signs `body`, which must be the raw bytes and not JSON that was read and written again."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    if abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    key = base64.b64decode(secret[len("whsec_"):])
    signed = f"{message_id}.{timestamp}.".encode("utf-8", "replace") + body
    expected = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    # While a secret is being replaced there are two signatures, joined by a blank.
    given = [one.encode("utf-8", "replace") for one in signature.split(" ")]
    return any([hmac.compare_digest(expected, one) for one in given])


if __name__ == "__main__":
    secret = os.environ.get("WEBHOOK_SECRET", "")
    if not secret.startswith("whsec_") or len(sys.argv) != 4:
        sys.exit(__doc__)
    is_valid = verify(sys.stdin.buffer.read(), *sys.argv[1:], secret)
    print("valid" if is_valid else "invalid")
    sys.exit(0 if is_valid else 1)
