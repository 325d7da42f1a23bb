#!/usr/bin/env bash
# Verifies X-Sentinel-Signature: `sha256=` and the HMAC-SHA256 of the raw body in hexadecimal, as GitHub signs.
# Needs bash and openssl. The secret is the webhook's `secret`, 64 characters, and comes from WEBHOOK_SECRET.
#
#   WEBHOOK_SECRET=… bash verify_sentinel.sh "$X_SENTINEL_SIGNATURE" < body.json
set -euo pipefail

# HMAC-SHA256 (RFC 2104) of stdin, under a key in hexadecimal of at most 64 bytes. By hand, because a key that is given
# to `openssl dgst -hmac` stands on a command line, which every user of the machine can read.
hmac() {
    local key=$1 inner='' outer='' part byte i
    for ((i = 0; i < 64; i++)); do
        byte=${key:2*i:2}
        byte=$((16#${byte:-00}))
        printf -v part '\\x%02x' $((byte ^ 0x36)) && inner+=$part
        printf -v part '\\x%02x' $((byte ^ 0x5c)) && outer+=$part
    done
    { printf "$outer"; { printf "$inner"; cat; } | openssl dgst -sha256 -binary; } | openssl dgst -sha256 -r | cut -d' ' -f1
}

# Compares under a random prefix: how long it takes says nothing about where two strings differ.
equal() {
    local nonce
    nonce=$(openssl rand -hex 32)
    [ "$(printf %s "$nonce$1" | openssl dgst -sha256 -r)" = "$(printf %s "$nonce$2" | openssl dgst -sha256 -r)" ]
}

# verify HEADER < BODY
verify() {
    local key='' expected one byte i verdict=1
    for ((i = 0; i < ${#WEBHOOK_SECRET}; i++)); do
        printf -v byte '%02x' "'${WEBHOOK_SECRET:i:1}" && key+=$byte
    done
    expected=sha256=$(hmac "$key")
    # While a secret is being replaced there are two signatures, joined by a comma.
    local IFS=', '
    for one in $1; do
        equal "$expected" "$one" && verdict=0
    done
    return $verdict
}

[[ ${WEBHOOK_SECRET:-} =~ ^[0-9a-f]{64}$ ]] || { echo "WEBHOOK_SECRET holds no secret" >&2; exit 2; }
set -f
if verify "${1:?the header is missing}"; then
    echo valid
else
    echo invalid
    exit 1
fi
