// Keys and envelopes, from SPEC 3.
import { createHash, createPublicKey, verify } from "node:crypto";
import { text } from "./forms.mjs";
import { reject, require_names } from "./strict_json.mjs";

const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");

// A public key of SPEC 3.1, its id asked where it was read; null for a point that is none, which verifies nothing.
export function key_of(plain) {
    const point = Buffer.from(plain.public, "hex");
    const [x, y] = [point.subarray(1, 33).toString("base64url"), point.subarray(33).toString("base64url")];
    try {
        return point[0] === 4 ? createPublicKey({ key: { kty: "EC", crv: "P-256", x, y }, format: "jwk" }) : null;
    } catch {
        return null;
    }
}

function base64(text) {
    if (typeof text !== "string" || text.length < 4) reject("DOCUMENT_MALFORMED", "base64");
    const bytes = Buffer.from(text, "base64");
    if (bytes.toString("base64") !== text) reject("DOCUMENT_MALFORMED", "base64");
    return bytes;
}

// SPEC 3.2, 3.3: the payload and the signatures of an envelope (a Map) of this name.
export function open(envelope, name) {
    require_names(envelope, ["payload", "payloadType", "signatures"]);
    const list = envelope.get("signatures");
    if (!Array.isArray(list) || list.length < 1 || list.length > 8) reject("DOCUMENT_MALFORMED", "signatures");
    const signatures = list.map((one) => {
        require_names(one, ["keyid", "sig"]);
        if (!/^[0-9a-f]{64}$/.test(one.get("keyid"))) reject("DOCUMENT_MALFORMED", "keyid");
        return { keyid: one.get("keyid"), sig: base64(one.get("sig")) };
    });
    const payload = base64(envelope.get("payload"));
    const type = `application/vnd.frontbox.${name}.v1+json`;
    if (!text(1, 100)(envelope.get("payloadType"))) reject("DOCUMENT_MALFORMED", "payloadType");
    if (envelope.get("payloadType") !== type) reject("ENVELOPE_TYPE");
    const signed = Buffer.concat([
        Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `),
        payload,
    ]);
    return { payload, signatures, signed, document: hash(payload) };
}

// SPEC 3.4: the known keys that have signed; `keys` is a Map from id to key.
export function signers(opened, keys) {
    const found = new Set();
    for (const { keyid, sig } of opened.signatures) {
        if (!keys.has(keyid)) continue;
        const key = keys.get(keyid);
        const right = key && sig.length === 64 && verify("sha256", opened.signed, { key, dsaEncoding: "ieee-p1363" }, sig);
        if (!right) reject("SIGNATURE_INVALID");
        found.add(keyid);
    }
    if (!found.size) reject("SIGNER_UNKNOWN");
    return [...found];
}
