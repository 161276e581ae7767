// From the root that was given to the policy, from SPEC 5.1, 5.4, 16.2 and the TUF specification.
import { createHash, verify, X509Certificate } from "node:crypto";
import { root_keys } from "./accepted.mjs";
import { document } from "./documents.mjs";
import { Bad, require } from "./finding.mjs";
import { read, Rejected } from "./strict_json.mjs";

const METADATA_BYTES_MAX = 1048576;
const POLICY_PATH = "policy/authority.json";
const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");

export const ROOT_NAME = /^metadata\/([1-9][0-9]{0,8})\.root\.json$/;

// The canonical JSON of TUF: names sorted, and in strings only the quote and the backslash escaped.
function canonical(value) {
    if (typeof value === "string") return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
    if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
    if (value === null || typeof value !== "object") return String(value);
    const names = Object.keys(value).sort();
    return `{${names.map((name) => `${canonical(name)}:${canonical(value[name])}`).join(",")}}`;
}

// Maps into objects without names of their own; where TUF counts there stand numbers.
function plain(value, name = "") {
    require(!["version", "threshold", "length"].includes(name) || typeof value !== "boolean", `${name} is no number`);
    if (Array.isArray(value)) return value.map((item) => plain(item));
    if (!(value instanceof Map)) return value;
    const found = Object.create(null);
    for (const [key, item] of value) found[key] = plain(item, key);
    return found;
}

// Metadata of a type, as strict as any document, with no key under two ids.
function metadata(raw, type, name) {
    try {
        const found = plain(read(raw, METADATA_BYTES_MAX));
        require(found.signed?._type === type && Array.isArray(found.signatures), `${name} is no ${type}`);
        if (found.signed.keys ?? found.signed.delegations?.keys) root_keys(found.signed);
        return found;
    } catch (error) {
        if (error instanceof Rejected) throw new Bad(`${name}: ${error.message}`);
        throw error;
    }
}

// Whether `threshold` different keys of the role have signed; one key under two ids is one key (SPEC 5.1).
function is_signed(found, keys, role) {
    const signed = Buffer.from(canonical(found.signed));
    const ids = found.signatures.map(({ keyid }) => keyid);
    if (new Set(ids).size !== ids.length || new Set(role.keyids).size !== role.keyids.length) return false;
    const voices = new Set();
    for (const { keyid, sig } of found.signatures) {
        const pem = role.keyids.includes(keyid) && keys[keyid]?.keyval.public;
        if (pem && verify("sha256", signed, pem, Buffer.from(sig, "hex"))) voices.add(pem.replace(/\s/g, ""));
    }
    return voices.size >= role.threshold && role.threshold >= 1;
}

function a_root(raw, name) {
    const root = metadata(raw, "root", name);
    require(is_signed(root, root.signed.keys, root.signed.roles.root), `${name} has not signed itself`);
    return root;
}

// The given root, or the newest in the file: their versions have no gap, and each has signed the next.
function newest_root(files, given) {
    let newest = a_root(given, "the root");
    const version = newest.signed.version;
    const versions = [...files.keys()].map((name) => Number(ROOT_NAME.exec(name)?.[1] ?? 0)).filter(Boolean);
    let last = null;
    for (const here of versions.sort((one, other) => one - other)) {
        const name = `metadata/${here}.root.json`;
        require(here !== version || given.equals(files.get(name)), "the root is another one than that given");
        if (!last && here > version) last = newest;
        const root = a_root(files.get(name), name);
        const is_next = !last || (here === last.signed.version + 1 && is_signed(root, last.signed.keys, last.signed.roles.root));
        require(root.signed.version === here && is_next, `${name} does not follow the one before`);
        if (here > version) newest = root;
        last = root;
    }
    return newest;
}

// A pattern speaks of one level of folders only.
function matches(pattern, path) {
    const [parts, names] = [pattern.split("/"), path.split("/")];
    const one = (part) => new RegExp(`^${part.replace(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".")}$`);
    return parts.length === names.length && parts.every((part, at) => one(part).test(names[at]));
}

// The policy in force by this root, as plain JSON.
export function trusted_policy(files, file, given) {
    const root = newest_root(files, given);
    const targets = metadata(file("metadata/targets.json"), "targets", "targets.json");
    require(is_signed(targets, root.signed.keys, root.signed.roles.targets), "targets are not the root's");
    const { keys, roles } = targets.signed.delegations;
    const role = roles.find((one) => one.name === "policy");
    const may = role?.threshold >= 2 && role.paths?.some((pattern) => matches(pattern, POLICY_PATH));
    require(may, "the policy is not delegated to two");
    const signed = metadata(file("metadata/policy.json"), "targets", "metadata/policy.json");
    require(is_signed(signed, keys, role), "the policy's role has not signed");
    const [target, raw] = [signed.signed.targets[POLICY_PATH], file("policy.json")];
    const is_it = target?.hashes.sha256 === hash(raw) && target.length === raw.length;
    require(is_it, "policy.json is not what was signed");
    const policy = plain(document("authority policy", raw));
    for (const { certificate } of policy.authorities) new X509Certificate(Buffer.from(certificate, "base64"));
    return policy;
}
