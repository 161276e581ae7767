// Leases, notices and the keys of a root: from SPEC 5.1, 7.1 and 12.1.
import { contains, key_of, open, region_level, signers } from "./signatures.mjs";
import { Rejected, read, reject, require_names } from "./strict_json.mjs";

const HOUR_MS = 3600000;

export function lease({ policy, box, venue, region, nonce, last }, bytes) {
    const services = JSON.parse(policy).services.filter((one) => one.use === "lease");
    const opened = open(read(bytes), "lease");
    signers(opened, new Map(services.map(({ key }) => [key.keyid, key_of(key)])));
    const found = read(opened.payload);
    const names = ["v", "box", "venue", "region", "lease", "nonce", "issued_at_ms", "full_until_ms", "core_from_ms"];
    require_names(found, [...names, "stop_at_ms", "powered_s_max", "plays_max", "policy_epoch", "catalog_epoch"]);
    const after_ms = (name) => found.get(name) - found.get("issued_at_ms");
    const [full, core, stop] = ["full_until_ms", "core_from_ms", "stop_at_ms"].map(after_ms);
    const is_long = 72 * HOUR_MS <= full && full <= core && core <= stop && stop <= 40 * 24 * HOUR_MS;
    const is_wide = found.get("powered_s_max") >= 72 * 3600 && found.get("plays_max") >= 50000;
    if (!is_long || !is_wide) reject("DOCUMENT_MALFORMED");
    const is_ours = found.get("box") === box && found.get("venue") === venue && found.get("region") === region;
    if (!is_ours) reject("LEASE_NOT_OURS");
    if (!nonce || found.get("nonce") !== nonce) reject("LEASE_NONCE");
    if (found.get("lease") <= last) reject("LEASE_ROLLBACK");
    return { lease: found.get("lease") };
}

export function notice({ policy, region }, bytes) {
    const { persons, limits } = JSON.parse(policy);
    const opened = open(read(bytes), "notice");
    const owners = new Map(persons.flatMap((person) => person.keys.map((key) => [key.keyid, person])));
    const keys = new Map(persons.flatMap((person) => person.keys.map((key) => [key.keyid, key_of(key)])));
    const signing = signers(opened, keys).map((keyid) => owners.get(keyid));
    const found = sound_notice(opened.payload);
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

function sound_notice(payload) {
    try {
        const found = read(payload);
        const names = ["v", "notice", "kind", "authority", "issued_by", "scope", "text_zh", "text_en"];
        require_names(found, [...names, "issued_at_ms", "show_until_ms"]);
        return found;
    } catch (error) {
        if (error instanceof Rejected) reject("NOTICE_MALFORMED", error.message);
        throw error;
    }
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
