// Verifies evidence: `node evidence.mjs ROOT.json EVIDENCE.tar...`. Says for each file `VALID n entries, n counted`, or `BAD` with the
// first bad entry as EPOCH-SEQ where it is one. From SPEC 16 and the TUF specification alone, with nothing but node.
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { document } from "./documents.mjs";
import { entry } from "./entries.mjs";
import { Bad, require } from "./finding.mjs";
import { chain_behind_gap, first_chain, next_chain } from "./journal.mjs";
import { venue_code } from "./names.mjs";
import { Plays } from "./plays.mjs";
import { key_of, open, signers } from "./signatures.mjs";
import { read, Rejected, require_names } from "./strict_json.mjs";
import { BadArchive, untar } from "./tar.mjs";
import { ROOT_NAME, trusted_policy } from "./tuf.mjs";

const JSON_NAME = /^((checkpoints|acks)\/[^/]+|metadata\/(targets|policy))\.json$/;
const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");
const FILES = ["info.json", "policy.json", "box.pem", "entries.jsonl", "chain.txt", "previous.json", "manifest.sha256"];

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

// The documents of a folder by their size, each signed by one of the keys and named by its size.
function signed_heads(files, kind, keys, info) {
    const found = new Map();
    for (const path of [...files.keys()].filter((path) => path.startsWith(`${kind}s/`))) {
        const opened = open(read(files.get(path)), kind);
        try {
            signers(opened, keys);
        } catch (error) {
            throw new Bad(`${path}: ${error.message}`);
        }
        const found_head = document(kind, opened.payload);
        const [size, result] = [found_head.get("size"), found_head.get("result")];
        const is_here = found_head.get("box") === info.box && found_head.get("epoch") === info.epoch;
        const is_within = info.from < size && size <= info.to + 1;
        const fits = is_here && is_within && path === `${kind}s/${size}.json` && (result ?? "ack") === "ack";
        require(fits, `${path} is of another place`);
        const is_behind_gap = [...info.gaps.values()].some((seq) => seq < size);
        require(result !== undefined || !is_behind_gap || found_head.get("ended"), `${path} goes on behind a gap`);
        found.set(size, found_head.get("head"));
    }
    return found;
}

function check_info(file) {
    const found = read(file("info.json"));
    require_names(found, ["v", "box", "venue", "epoch", "from", "to", "gaps", "exported_at_ms"]);
    const info = Object.fromEntries(found);
    const numbers = [info.epoch, info.from, info.to, info.exported_at_ms].every((one) => Number.isInteger(one) && one >= 0);
    require(info.v === 1 && numbers && info.epoch > 0 && info.from <= info.to, "info.json");
    require(/^KTV-[0-9A-Z]{4,32}$/.test(info.box), "info.json: box");
    venue_code(info.venue);
    info.gaps = gaps_of(info);
    return info;
}

// SPEC 16.1: from the first entry that is missing to the next that is there.
function gaps_of(info) {
    require(Array.isArray(info.gaps) && info.gaps.length <= 256, "info.json: gaps");
    const gaps = new Map();
    let at = info.from - 1;
    for (const gap of info.gaps) {
        require_names(gap, ["missing", "seq"]);
        const [missing, seq] = [gap.get("missing"), gap.get("seq")];
        require([missing, seq].every(Number.isInteger), "info.json: gaps");
        require(at < missing && missing <= seq && seq <= info.to, "info.json: gaps are in no order");
        gaps.set(missing, seq);
        at = seq;
    }
    return gaps;
}

// Everything before `size`, if there is anything, is signed; else the first entry that is not is named.
function check_covered(info, heads, size) {
    if (size === info.from || heads.has(size)) return;
    const covered = Math.max(info.from, ...[...heads.keys()].filter((one) => one < size));
    throw new Bad(`${info.epoch}-${info.gaps.get(covered) ?? covered}: the box has not signed it`);
}

function check_journal(file, info, heads, acks, plays) {
    const previous = Object.fromEntries(read(file("previous.json")));
    require(/^[0-9a-f]{64}$/.test(previous.head) && Object.keys(previous).length === 2, "previous.json");
    let chain = Buffer.from(previous.head, "hex");
    let begins = chain;
    require(previous.size === info.from, "previous.json is of another place");
    if (info.gaps.has(info.from)) require(previous.head === "0".repeat(64), "previous.json: a gap begins there");
    const lines = file("entries.jsonl").toString("latin1").split("\n");
    require(lines.pop() === "", "entries.jsonl ends within a line");
    const hints = file("chain.txt").toString().split("\n");
    let suspect = null;
    let seq = info.from;
    lines.forEach((line, offset) => {
        const is_anew = info.gaps.has(seq);
        if (is_anew) {
            check_covered(info, heads, seq);
            chain = chain_behind_gap(info.box, info.epoch, seq, info.gaps.get(seq));
            seq = info.gaps.get(seq);
        }
        const raw = Buffer.from(line, "latin1");
        const found = sound_entry(raw, info, seq);
        if (seq === 0 && !is_anew) chain = begins = beginning(found, info);
        chain = next_chain(chain, seq, raw);
        const head = chain.toString("hex");
        if (suspect === null && hints[offset] !== head) suspect = seq;
        const differs = (heads.get(seq + 1) ?? head) !== head;
        require(!differs, `${info.epoch}-${suspect ?? seq}: the box has signed another head at ${seq + 1}`);
        require((acks.get(seq + 1) ?? head) === head, `the platform has acknowledged another head at ${seq + 1}`);
        const venue = found.get("body").get("venue") ?? info.venue;
        require(venue === info.venue, `${info.epoch}-${seq}: the box stands in another venue`);
        plays.add(found);
        seq += 1;
    });
    const last = Math.min(info.gaps.get(seq) ?? seq, info.to + 1);
    require(seq === info.to + 1, `${info.epoch}-${last}: entries are missing or too many`);
    check_covered(info, heads, seq);
    require(begins.toString("hex") === previous.head, "previous.json is not what the journal begins behind");
    const in_gap = (size) => [...info.gaps].some(([missing, next]) => missing < size && size <= next);
    require(![...heads.keys()].some(in_gap), "a checkpoint where entries are missing");
    require(![...acks.keys()].some(in_gap), "an acknowledgement where entries are missing");
    require(suspect === null && hints.length === lines.length + 1 && hints.at(-1) === "", "chain.txt");
    return lines.length;
}

// SPEC 9.5: the chain before entry 0, of nothing or of the place that EPOCH names.
function beginning(found, info) {
    const place = found.get("body");
    if (info.epoch === 1) return first_chain(info.box, 1);
    return first_chain(info.box, info.epoch, Buffer.from(place.get("head"), "hex"), place.get("size"));
}

// An entry that stands where it must; EPOCH begins every epoch but the first (SPEC 9.11).
function sound_entry(raw, info, seq) {
    try {
        const found = entry(raw);
        const is_here = ["box", "epoch"].every((name) => found.get(name) === info[name]) && found.get("seq") === seq;
        require(is_here, `${info.epoch}-${seq}: it is another entry`);
        const begins = seq === 0 && info.epoch > 1;
        require((found.get("kind") === "EPOCH") === begins, `${info.epoch}-${seq}: EPOCH begins every epoch but the first`);
        return found;
    } catch (error) {
        if (error instanceof Rejected) throw new Bad(`${info.epoch}-${seq}: ${error.message}`);
        throw error;
    }
}

function check_manifest(files, file) {
    const names = [...files.keys()].filter((name) => name !== "manifest.sha256");
    const wanted = names.map((name) => `${hash(files.get(name))}  ${name}\n`).join("");
    require(file("manifest.sha256").toString("latin1") === wanted, "a file is not what manifest.sha256 says");
}

function verdict(raw, root) {
    const files = untar(raw);
    const file = (name) => files.get(name) ?? require(false, `${name} is missing`);
    const is_known = (name) => FILES.includes(name) || JSON_NAME.test(name) || ROOT_NAME.test(name);
    require([...files.keys()].every(is_known), "a file that may not stand here");
    const info = check_info(file);
    const policy = trusted_policy(files, file, root);
    const services = policy.services.filter((one) => one.use === "ack").map(({ key }) => [key.keyid, key_of(key)]);
    const heads = signed_heads(files, "checkpoint", box_keys(file, policy, info.box), info);
    const acks = signed_heads(files, "ack", new Map(services), info);
    const plays = new Plays(policy);
    const count = check_journal(file, info, heads, acks, plays);
    check_manifest(files, file);
    const missing = [...info.gaps].reduce((sum, [from, seq]) => sum + seq - from, 0);
    const more = [`${plays.counted} counted`];
    if (missing) more.unshift(`${missing} missing`);
    if (plays.misstated) more.push(`${plays.misstated} misstated`);
    return [`VALID ${count} entries`, ...more].join(", ");
}

const [root, ...evidence] = process.argv.slice(2);
for (const path of evidence) {
    try {
        console.log(verdict(readFileSync(path), readFileSync(root)));
    } catch (error) {
        // Whatever cannot be read is not valid; only our own words say which entry it is.
        const is_ours = error instanceof Bad || error instanceof BadArchive || error instanceof Rejected;
        const said = is_ours ? error.message : `unreadable: ${error.message}`;
        console.log(`BAD ${said.replace(/\p{Cc}/gu, " ")}`);
        process.exitCode = 1;
    }
}
