// Keys, envelopes and the acceptance of orders, from SPEC 3, 4, 5.2 and 6.2 (1) to (7).
import { createHash, createPublicKey, verify } from "node:crypto";
import { Rejected, read, reject, require_names } from "./strict_json.mjs";

const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");

// A public key of SPEC 3.1; its id must be the hash of its SubjectPublicKeyInfo.
export function key_of(plain) {
    const point = Buffer.from(plain.public, "hex");
    const [x, y] = [point.subarray(1, 33).toString("base64url"), point.subarray(33).toString("base64url")];
    const key = createPublicKey({ key: { kty: "EC", crv: "P-256", x, y }, format: "jwk" });
    if (hash(key.export({ type: "spki", format: "der" })) !== plain.keyid) throw new Error("keyid");
    return key;
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
        const key = keys.get(keyid);
        if (!key) continue;
        const right = sig.length === 64 && verify("sha256", opened.signed, { key, dsaEncoding: "ieee-p1363" }, sig);
        if (!right) reject("SIGNATURE_INVALID");
        found.add(keyid);
    }
    if (!found.size) reject("SIGNER_UNKNOWN");
    return [...found];
}

// SPEC 4.1.
export function region_level(text) {
    if (!/^[0-9]{6}$/.test(text)) return null;
    const pairs = [text.slice(0, 2), text.slice(2, 4), text.slice(4)];
    const filled = pairs.findLastIndex((pair) => pair !== "00") + 1;
    return pairs.slice(0, filled).includes("00") ? null : filled + 1;
}

export function contains(outer, inner) {
    const filled = region_level(outer) - 1;
    return inner.slice(0, 2 * filled) === outer.slice(0, 2 * filled);
}

// SPEC 4.2.
export function venue_code(text) {
    const alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    const found = /^J01([0-9]{6})[0-9]{5}[0-9A-HJ-NP-RTUWXY]$/.exec(text);
    if (!found || region_level(found[1]) === null) reject("VENUE_CODE_FORM");
    let [sum, weight] = [0, 1];
    for (const char of text.slice(0, 14)) {
        sum += alphabet.indexOf(char) * weight;
        weight = (weight * 3) % 31;
    }
    if (alphabet[(31 - (sum % 31)) % 31] !== text[14]) reject("VENUE_CODE_CHECK");
    return text;
}

// The order in an envelope, a Map.
export function order_of(bytes) {
    return sound_order(open(read(bytes), "order").payload);
}

// SPEC 6.2 (1) to (7).
export function accept_order(bytes, policy, region) {
    const opened = open(read(bytes), "order");
    const person_of = new Map();
    const keys = new Map();
    for (const person of policy.persons) {
        for (const key of person.keys) {
            keys.set(key.keyid, key_of(key));
            person_of.set(key.keyid, person);
        }
    }
    const persons = [...new Set(signers(opened, keys).map((keyid) => person_of.get(keyid)))];
    if (persons.length < 2) {
        const known = opened.signatures.filter(({ keyid }) => keys.has(keyid));
        reject(known.length > 1 ? "ORDER_SAME_PERSON" : "ORDER_THRESHOLD");
    }
    const order = sound_order(opened.payload);
    const [authority, scope] = [order.get("authority"), order.get("scope")];
    if (!persons.some((person) => person.person === order.get("drafted_by"))) reject("ORDER_DRAFTER");
    if (persons.some((person) => !person.may.includes(order.get("kind")))) reject("ORDER_NOT_ENTITLED");
    const out_of_region =
        persons.some((person) => !contains(person.region, authority)) ||
        (scope.has("region") && !contains(authority, scope.get("region"))) ||
        (region && !contains(authority, region)) ||
        !order.get("order").startsWith(`${authority}-`);
    if (out_of_region) reject("ORDER_REGION");
    const limit = policy.limits.find((line) => line.level === region_level(authority));
    const most = limit ? limit.venues_max : -1;
    if (scope.has("region") ? most <= 1000 : scope.get("venues").length > most) reject("ORDER_SCOPE_LIMIT");
    return { order: order.get("order"), document: opened.document, persons: persons.map((one) => one.person).sort() };
}

const COMMON = ["v", "order", "kind", "authority", "drafted_by", "document", "basis", "text_zh", "text_en"];
const OF_KIND = {
    stop: ["ends_at_ms", "grace_s"],
    ban: ["targets", "ends_at_ms"],
    resume: ["ends"],
    lift: ["ends"],
    service: ["action", "opening"],
};

// SPEC 6.1, as far as the vectors of 6.2 ask.
function sound_order(payload) {
    try {
        const order = read(payload);
        const more = OF_KIND[order.get("kind")];
        if (order.get("v") !== 1 || !more) reject("DOCUMENT_VERSION");
        require_names(order, [...COMMON, "issued_at_ms", "expires_at_ms", "scope", ...more]);
        for (const venue of order.get("scope").get("venues") ?? []) venue_code(venue);
        return order;
    } catch (error) {
        if (error instanceof Rejected) reject("ORDER_MALFORMED", error.message);
        throw error;
    }
}
