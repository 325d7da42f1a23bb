#!/usr/bin/env bash
# Verifies a Standard Webhooks signature: HMAC-SHA256 of `id.timestamp.body` in base64, after `v1,`.
# Needs bash and openssl. The secret is the webhook's `standard_secret`, `whsec_…`, and comes from WEBHOOK_SECRET.
#
#   WEBHOOK_SECRET=… bash verify_standard.sh "$WEBHOOK_ID" "$WEBHOOK_TIMESTAMP" "$WEBHOOK_SIGNATURE" < body.json
set -euo pipefail

# Older and newer messages are refused, so that nobody can send a recorded one again for ever.
TOLERANCE_SECONDS=300

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
    { printf "$outer"; { printf "$inner"; cat; } | openssl dgst -sha256 -binary; } | openssl dgst -sha256 -binary | openssl base64 -A
}

# Compares under a random prefix: how long it takes says nothing about where two strings differ.
equal() {
    local nonce
    nonce=$(openssl rand -hex 32)
    [ "$(printf %s "$nonce$1" | openssl dgst -sha256 -r)" = "$(printf %s "$nonce$2" | openssl dgst -sha256 -r)" ]
}

# verify ID TIMESTAMP HEADER < BODY
verify() {
    local id=$1 timestamp=$2 key expected one age verdict=1
    [[ $timestamp =~ ^[0-9]{1,12}$ ]] || return 1
    age=$(($(date +%s) - 10#$timestamp))
    [ "${age#-}" -le $TOLERANCE_SECONDS ] || return 1
    key=$(printf %s "${WEBHOOK_SECRET#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
    expected=v1,$({ printf '%s.%s.' "$id" "$timestamp"; cat; } | hmac "$key")
    # While a secret is being replaced there are two signatures, joined by a blank.
    for one in $3; do
        equal "$expected" "$one" && verdict=0
    done
    return $verdict
}

[[ ${WEBHOOK_SECRET:-} =~ ^whsec_[A-Za-z0-9+/]{43}=$ ]] || { echo "WEBHOOK_SECRET holds no secret" >&2; exit 2; }
set -f
if verify "${1:?the id is missing}" "${2:?the timestamp is missing}" "${3:?the signature is missing}"; then
    echo valid
else
    echo invalid
    exit 1
fi
