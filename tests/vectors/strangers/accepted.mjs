// Leases, their extensions, notices and the keys of a root: from SPEC 4.2, 5.1, 5.2, 7.1, 7.5 and 12.1.
import { document } from "./documents.mjs";
import { contains, region_level } from "./names.mjs";
import { sound_payload } from "./orders.mjs";
import { key_of, open, signers } from "./signatures.mjs";
import { read, reject } from "./strict_json.mjs";

export function lease({ policy, box, venue, region, nonce, last }, bytes) {
    const services = JSON.parse(policy).services.filter((one) => one.use === "lease");
    const opened = open(read(bytes), "lease");
    signers(opened, new Map(services.map(({ key }) => [key.keyid, key_of(key)])));
    const found = document("lease", opened.payload);
    const is_ours = found.get("box") === box && found.get("venue") === venue && found.get("region") === region;
    if (!is_ours) reject("LEASE_NOT_OURS");
    if (!nonce || found.get("nonce") !== nonce) reject("LEASE_NONCE");
    if (found.get("lease") <= last) reject("LEASE_ROLLBACK");
    return { lease: found.get("lease") };
}

// For all leases of a region: by any courier, without a nonce. `last` is the number of the one that the box took last.
export function extension({ policy, region, last }, bytes) {
    const { services, moved } = JSON.parse(policy);
    const keys = services.filter((one) => one.use === "lease").map(({ key }) => [key.keyid, key_of(key)]);
    const opened = open(read(bytes), "extension");
    signers(opened, new Map(keys));
    const found = document("extension", opened.payload);
    const now = moved.find((one) => one.region === found.get("region"))?.now ?? found.get("region");
    if (!contains(now, region)) reject("LEASE_NOT_OURS");
    if (found.get("extension") <= last) reject("LEASE_ROLLBACK");
    return { extension: found.get("extension"), full_until_ms: found.get("full_until_ms") };
}

export function notice({ policy, region }, bytes) {
    const { persons, limits } = JSON.parse(policy);
    const opened = open(read(bytes), "notice");
    const owners = new Map(persons.flatMap((person) => person.keys.map((key) => [key.keyid, person])));
    const keys = new Map(persons.flatMap((person) => person.keys.map((key) => [key.keyid, key_of(key)])));
    const signing = signers(opened, keys).map((keyid) => owners.get(keyid));
    const found = sound_payload("notice", opened.payload, "NOTICE_MALFORMED");
    const issuer = signing.find((person) => person.person === found.get("issued_by"));
    if (!issuer) reject("NOTICE_ISSUER");
    if (signing.some((person) => !person.may.includes("notice"))) reject("NOTICE_NOT_ENTITLED");
    const [authority, scope] = [found.get("authority"), found.get("scope")];
    const out_of_region =
        signing.some((person) => !contains(person.region, authority)) ||
        !found.get("notice").startsWith(`${authority}-`) ||
        (scope.has("region") && !contains(authority, scope.get("region"))) ||
        (region && !contains(authority, region));
    if (out_of_region) reject("NOTICE_REGION");
    const most = limits.find((line) => line.level === region_level(authority))?.venues_max ?? -1;
    if (scope.has("region") ? most <= 1000 : scope.get("venues").length > most) reject("NOTICE_SCOPE_LIMIT");
    return { notice: found.get("notice"), document: opened.document };
}

// The signed part of a root or delegation: P-256 keys, uncompressed, none under two ids.
export function root_keys(signed) {
    const keys = signed.delegations?.keys ?? signed.keys;
    const points = Object.values(keys).map((key) => {
        const pem = key?.keyval?.public;
        const found = typeof pem === "string" && /^-----BEGIN PUBLIC KEY-----([^-]*)-----END PUBLIC KEY-----$/.exec(pem.trim());
        if (!found || key.scheme !== "ecdsa-sha2-nistp256") reject("DOCUMENT_MALFORMED", "key");
        const base64 = found[1].replace(/\s/g, "");
        const der = Buffer.from(base64, "base64");
        if (der.toString("base64") !== base64 || der.length !== 91) reject("DOCUMENT_MALFORMED", "key");
        return base64;
    });
    if (new Set(points).size !== points.length) reject("ROOT_DUPLICATE_KEY");
    return { sound: true };
}
