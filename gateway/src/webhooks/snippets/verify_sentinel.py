"""Verifies X-Sentinel-Signature: `sha256=` and the HMAC-SHA256 of the raw body in hexadecimal, as GitHub signs.

Python 3.8 or later and nothing else. The secret is the webhook's `secret`, 64 characters, from WEBHOOK_SECRET.

    WEBHOOK_SECRET=… python3 verify_sentinel.py "$X_SENTINEL_SIGNATURE" < body.json
"""

import hashlib
import hmac
import os
import sys


def verify(body: bytes, header: str, secret: str) -> bool:
    """Whether `header` signs `body`, which must be the raw bytes and not JSON that was read and written again."""
    expected = b"sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
    # While a secret is being replaced there are two signatures, joined by a comma.
    given = [one.strip().encode("utf-8", "replace") for one in header.split(",")]
    return any([hmac.compare_digest(expected, one) for one in given])


if __name__ == "__main__":
    secret = os.environ.get("WEBHOOK_SECRET", "")
    if len(secret) != 64 or len(sys.argv) != 2:
        sys.exit(__doc__)
    is_valid = verify(sys.stdin.buffer.read(), sys.argv[1], secret)
    print("valid" if is_valid else "invalid")
    sys.exit(0 if is_valid else 1)
