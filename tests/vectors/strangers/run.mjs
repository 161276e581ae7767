// Checks the golden vectors of a folder: `node run.mjs FOLDER`. Says `PASS n`, or every `FAIL`.
//
// Written from SPEC.md alone, with nothing but node: what this passes, SPEC says well enough. It shares no line with
// the product.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import * as accepted from "./accepted.mjs";
import { document } from "./documents.mjs";
import * as holds from "./holds.mjs";
import * as journal from "./journal.mjs";
import * as names from "./names.mjs";
import { accept_order } from "./orders.mjs";
import * as signatures from "./signatures.mjs";
import * as small from "./small.mjs";
import { canonical, read, Rejected } from "./strict_json.mjs";

const folder = process.argv[2];
let memory = null;

function bytes_of(vector) {
    if ("text" in vector) return Buffer.from(vector.text);
    if ("hex" in vector) return Buffer.from(vector.hex, "hex");
    return Buffer.concat((vector.runs ?? []).map(run));
}

function run({ hex, times, behind }) {
    if (behind === undefined) return Buffer.from(hex.repeat(times), "hex");
    const [before, after] = [Buffer.from(hex, "hex"), Buffer.from(behind, "hex")];
    const number = (_, at) => Buffer.from(String(at).padStart(6, "0"));
    return Buffer.concat(Array.from({ length: times }, number).flatMap((one) => [before, one, after]));
}

function envelope(vector) {
    const keys = new Map(vector.keys.map((key) => [key.keyid, signatures.key_of(key)]));
    const opened = signatures.open(read(bytes_of(vector)), vector.name_expected);
    const keyids = signatures.signers(opened, keys);
    return { document: opened.document, payload: opened.payload.toString(), keyids };
}

function region(vector) {
    const level = names.region_level(vector.region);
    if (level === null) return null;
    return { level, contains: vector.others.filter((other) => names.contains(vector.region, other)) };
}

function batch(vector) {
    memory ??= new journal.Memory(vector.box);
    const [own, then] = memory.receive(bytes_of(vector), vector.key);
    if (!isDeepStrictEqual(then, vector.then)) throw new Error(`answers ${JSON.stringify(then)}`);
    return own;
}

const READERS = {
    json: (vector) => ({ canonical: canonical(read(bytes_of(vector))) }),
    documents: (vector) => ({ canonical: canonical(document(vector.kind, bytes_of(vector))) }),
    entries: (vector) => ({ canonical: canonical(document(vector.kind, bytes_of(vector))) }),
    envelopes: envelope,
    orders: (vector) => accept_order(bytes_of(vector), JSON.parse(vector.policy), vector.region),
    leases: (vector) => accepted.lease(vector, bytes_of(vector)),
    extensions: (vector) => accepted.extension(vector, bytes_of(vector)),
    notices: (vector) => accepted.notice(vector, bytes_of(vector)),
    root_keys: (vector) => accepted.root_keys(vector.signed),
    holds: holds.box,
    chains: journal.chain,
    frames: (vector) => journal.frames(bytes_of(vector)),
    batches: batch,
    catalogs: (vector) => small.catalog(bytes_of(vector), vector.songs, vector.files),
    boot_blocks: (vector) => small.boot_block(bytes_of(vector)),
    claim_proofs: small.claim_proof,
    regions: region,
    venue_codes: (vector) => ({ venue: names.venue_code(vector.text) }),
    topics: small.topic,
    serial_frames: (vector) => small.serial(vector.pieces),
};

function outcome_of(file, vector) {
    try {
        return READERS[file](vector);
    } catch (error) {
        return error instanceof Rejected ? { code: error.code } : { error: error.stack };
    }
}

let [passed, failed] = [0, 0];
// Whatever lies there: a file that nobody here can read is a failure and not a gap.
for (const file of readdirSync(folder).filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5)).sort()) {
    for (const vector of JSON.parse(readFileSync(join(folder, `${file}.json`)))) {
        const outcome = outcome_of(file, vector);
        const { dropped_bytes: _, ...expected } = vector.expect ?? {};
        if (isDeepStrictEqual(outcome, vector.expect && expected)) {
            passed++;
        } else {
            failed++;
            console.log(`FAIL ${file}: ${vector.name}: ${JSON.stringify(outcome)}`);
        }
    }
}
if (!failed) console.log(`PASS ${passed}`);
process.exitCode = failed ? 1 : 0;
