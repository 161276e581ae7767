// The acceptance of orders, from SPEC 6.2 (1) to (7).
import { document, ORDER_BYTES_MAX } from "./documents.mjs";
import { contains, region_level } from "./names.mjs";
import { key_of, open, signers } from "./signatures.mjs";
import { read, reject, Rejected } from "./strict_json.mjs";

// The order in an envelope, a Map.
export function order_of(bytes) {
    return document("order", open(read(bytes, ORDER_BYTES_MAX), "order").payload);
}

// SPEC 6.2 (1) to (7).
export function accept_order(bytes, policy, region) {
    const opened = open(read(bytes, ORDER_BYTES_MAX), "order");
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
    const order = sound_payload("order", opened.payload, "ORDER_MALFORMED");
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

// SPEC 6.2 (3), 12.1: what is wrong with the payload has one code.
export function sound_payload(kind, payload, code) {
    try {
        return document(kind, payload);
    } catch (error) {
        if (error instanceof Rejected) reject(code, error.message);
        throw error;
    }
}
