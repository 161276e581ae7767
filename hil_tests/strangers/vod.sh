#!/usr/bin/env bash
# A VOD server and a forger, from SPEC 15, SPEC 3 and the box's own /openapi.json alone: bash, curl, openssl.
#
# Usage: vod.sh BOX_URL SONG FOLDER, the pairing token in the variable TOKEN. Plays one song and then does all that must
# be refused. Says one line a request: what it was, the status, and the code or the answer. FOLDER is for its own files.
set -euo pipefail
BOX=$1 SONG=$2 FOLDER=$3

# ask NAME METHOD PATH TOKEN [FILE]: send the file as JSON; leaves the answer in ANSWER.
ask() {
    local arguments=(--silent --max-time 30 --request "$2" --write-out '\n%{http_code}')
    [ -z "$4" ] || arguments+=(--header "Authorization: Bearer $4")
    [ -z "${5-}" ] || arguments+=(--header 'Content-Type: application/json' --data-binary "@$5")
    local said
    said=$(curl "${arguments[@]}" "$BOX$3")
    ANSWER=${said%$'\n'*}
    local code
    code=$(field code)
    echo "$1: ${said##*$'\n'} ${code:-$(field "${6:-counted}")}"
}

# The first value of a name in ANSWER; names are sorted, and what is asked for stands before what is nested.
field() { { grep -o '"'"$1"'":"\?[^",}]*' <<< "$ANSWER" || true; } | sed -n '1s/^"[^"]*":"\?//p'; }

body() { printf '%s' "$1" > "$FOLDER/body.json" && echo "$FOLDER/body.json"; }

# A DSSE envelope around a payload, signed by a key of our own (SPEC 3.1, 3.2): r and s out of the DER, 32 bytes each.
forge() {
    local type="application/vnd.frontbox.$1.v1+json" payload=$2
    openssl ecparam -name prime256v1 -genkey -noout -out "$FOLDER/forger.pem" 2> /dev/null
    local keyid sig
    keyid=$(openssl ec -in "$FOLDER/forger.pem" -pubout -outform DER 2> /dev/null | openssl dgst -sha256 -r | cut -c1-64)
    sig=$(printf 'DSSEv1 %d %s %d %s' "${#type}" "$type" "${#payload}" "$payload" \
        | openssl dgst -sha256 -sign "$FOLDER/forger.pem" | openssl asn1parse -inform DER \
        | sed -n 's/.*INTEGER *:\([0-9A-F]*\)/\1/p' | while read -r number; do printf '%64s' "$number"; done \
        | tr ' ' 0 | sed 's/../\\x&/g')
    printf '{"payload":"%s","payloadType":"%s","signatures":[{"keyid":"%s","sig":"%s"}]}' \
        "$(printf '%s' "$payload" | openssl base64 -A)" "$type" "$keyid" "$(printf "$sig" | openssl base64 -A)"
}

guest=$(printf '{"room":"X1","song":"%s","kind":"guest"}' "$SONG")
ask 'play' POST /v1/plays "$TOKEN" "$(body "$guest")" room
play=$(field play)
ask 'end' POST "/v1/plays/$play/end" "$TOKEN" "$(body '{"played_s":200,"reason":"end"}')"
ask 'end again' POST "/v1/plays/$play/end" "$TOKEN" "$(body '{"played_s":200,"reason":"end"}')"
ask 'state' GET /v1/state "$TOKEN" '' state
ask 'an unknown song' POST /v1/plays "$TOKEN" "$(body '{"room":"X1","song":"NO-SUCH-SONG","kind":"guest"}')"
ask 'an unknown play' POST /v1/plays/1-999999/end "$TOKEN" "$(body '{"played_s":1,"reason":"end"}')"
ask 'without a token' POST /v1/plays '' "$(body "$guest")"
ask 'another token' POST /v1/plays "${TOKEN}x" "$(body "$guest")"
ask 'a name twice' POST /v1/plays "$TOKEN" "$(body "${guest%\}},\"room\":\"X2\"}")"
ask 'a kind of play that is none' POST /v1/plays "$TOKEN" "$(body '{"room":"X1","song":"1","kind":"encore"}')"
head -c 70000 /dev/zero | tr '\0' ' ' > "$FOLDER/large.json"
ask 'a large body' POST /v1/plays "$TOKEN" "$FOLDER/large.json"
ask 'no such address' GET /v1/unlock "$TOKEN"
ask 'an order of a stranger' POST /v1/orders '' "$(body "$(forge order '{"v":1}')")"
ask 'a notice as an order' POST /v1/orders '' "$(body "$(forge notice '{"v":1}')")"
