// Verifies evidence: `node evidence.mjs EVIDENCE.tar ROOT.json`. Says `VALID n entries`, or `BAD` with the first bad entry
// as EPOCH-SEQ where it is one. From SPEC 16 and the TUF specification alone, with nothing but node.
import { createHash, verify, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { first_chain, next_chain } from "./journal.mjs";
import { key_of, open, signers } from "./signatures.mjs";
import { read } from "./strict_json.mjs";

const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");

function bad(why) {
    console.log(`BAD ${why}`);
    process.exit(1);
}

function require(is_true, why) {
    if (!is_true) bad(why);
}

// A POSIX ustar archive as a Map from name to bytes.
function untar(raw) {
    const files = new Map();
    const text = (at, length) => raw.toString("latin1", at, at + length).replace(/\0.*$/s, "");
    for (let at = 0; at + 512 <= raw.length && raw[at] !== 0; ) {
        const size = parseInt(text(at + 124, 12).trim(), 8);
        files.set(text(at, 100), raw.subarray(at + 512, at + 512 + size));
        at += 512 + 512 * Math.ceil(size / 512);
    }
    return files;
}

// The canonical JSON of TUF: names sorted, and in strings only the quote and the backslash escaped.
function canonical(value) {
    if (typeof value === "string") return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
    if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
    if (value === null || typeof value !== "object") return String(value);
    const names = Object.keys(value).sort();
    return `{${names.map((name) => `${canonical(name)}:${canonical(value[name])}`).join(",")}}`;
}

// Whether `threshold` different keys of the role have signed; one key under two ids is one key (SPEC 5.1).
function is_signed(metadata, keys, role) {
    const signed = Buffer.from(canonical(metadata.signed));
    const voices = new Set();
    for (const { keyid, sig } of metadata.signatures) {
        const pem = role.keyids.includes(keyid) && keys[keyid]?.keyval.public;
        if (pem && verify("sha256", signed, pem, Buffer.from(sig, "hex"))) voices.add(pem.replace(/\s/g, ""));
    }
    return voices.size >= role.threshold && role.threshold >= 1;
}

// From the root that was given to the policy (SPEC 5.1, 16.2).
function trusted_policy(file, given) {
    const json = (name) => JSON.parse(file(name));
    let root = JSON.parse(given);
    require(is_signed(root, root.signed.keys, root.signed.roles.root), "the root has not signed itself");
    for (let version = root.signed.version + 1; files.has(`metadata/${version}.root.json`); version++) {
        const next = json(`metadata/${version}.root.json`);
        const by_old = is_signed(next, root.signed.keys, root.signed.roles.root);
        require(by_old && is_signed(next, next.signed.keys, next.signed.roles.root), `root ${version}`);
        root = next;
    }
    const targets = json("metadata/targets.json");
    require(is_signed(targets, root.signed.keys, root.signed.roles.targets), "targets are not the root's");
    const delegations = targets.signed.delegations;
    const role = delegations.roles.find((one) => one.name === "policy");
    require(is_signed(json("metadata/policy.json"), delegations.keys, role), "the policy's role has not signed");
    const target = json("metadata/policy.json").signed.targets["policy/authority.json"];
    require(target.hashes.sha256 === hash(file("policy.json")), "policy.json is not what was signed");
    return json("policy.json");
}

// The key of the box, as a Map from id to key: its certificate is of an authority of the policy.
function box_keys(file, policy, box) {
    const certificate = new X509Certificate(file("box.pem"));
    const authorities = policy.authorities.filter((one) => one.use === "fleet-ca");
    const issuers = authorities.map((one) => new X509Certificate(Buffer.from(one.certificate, "base64")));
    const is_issued = issuers.some((ca) => certificate.checkIssued(ca) && certificate.verify(ca.publicKey));
    require(is_issued && certificate.subject === `CN=${box}`, "no authority of the policy has issued box.pem");
    const spki = certificate.publicKey.export({ type: "spki", format: "der" });
    return new Map([[hash(spki), certificate.publicKey]]);
}

// The documents of a folder by their size, each signed by one of the keys.
function signed_heads(folder, name, keys, box, epoch) {
    const found = new Map();
    for (const path of [...files.keys()].filter((path) => path.startsWith(`${folder}/`))) {
        try {
            const opened = open(read(files.get(path)), name);
            signers(opened, keys);
            const document = read(opened.payload);
            require(document.get("box") === box && document.get("epoch") === epoch, `${path} is of another journal`);
            found.set(document.get("size"), document.get("head"));
        } catch (error) {
            bad(`${path}: ${error.message}`);
        }
    }
    return found;
}

function check_journal(file, info, heads, acks) {
    const previous = JSON.parse(file("previous.json"));
    let chain = Buffer.from(previous.head, "hex");
    require(previous.size === info.from, "previous.json is of another place");
    require(info.from || info.epoch > 1 || chain.equals(first_chain(info.box, 1)), "the journal begins otherwise");
    const lines = file("entries.jsonl").toString("latin1").split("\n").slice(0, -1);
    const hints = file("chain.txt").toString().split("\n");
    let suspect = null;
    lines.forEach((line, offset) => {
        const seq = info.from + offset;
        chain = next_chain(chain, seq, Buffer.from(line, "latin1"));
        const head = chain.toString("hex");
        if (suspect === null && hints[offset] !== head) suspect = seq;
        const differs = (heads.get(seq + 1) ?? head) !== head;
        require(!differs, `${info.epoch}-${suspect ?? seq}: the box has signed another head at ${seq + 1}`);
        require((acks.get(seq + 1) ?? head) === head, `the platform has acknowledged another head at ${seq + 1}`);
    });
    require(lines.length === info.to - info.from + 1, `${info.epoch}-${info.from + lines.length}: entries are missing`);
    require(heads.has(info.to + 1), `${info.epoch}-${info.to}: the box has not signed it`);
    return lines.length;
}

const files = untar(readFileSync(process.argv[2]));
const file = (name) => files.get(name) ?? bad(`${name} is missing`);
const info = JSON.parse(file("info.json"));
const policy = trusted_policy(file, readFileSync(process.argv[3]));
const services = policy.services.filter((one) => one.use === "ack").map(({ key }) => [key.keyid, key_of(key)]);
const heads = signed_heads("checkpoints", "checkpoint", box_keys(file, policy, info.box), info.box, info.epoch);
const acks = signed_heads("acks", "ack", new Map(services), info.box, info.epoch);
const count = check_journal(file, info, heads, acks);
for (const line of file("manifest.sha256").toString().split("\n").filter((line) => line)) {
    const [wanted, name] = line.split("  ");
    require(hash(file(name)) === wanted, `${name} is not what manifest.sha256 says`);
}
console.log(`VALID ${count} entries`);
