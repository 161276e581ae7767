// Chains, frames, checkpoints and a server's memory of one box, from SPEC 9.5, 9.6, 9.8, 10.1 to 10.3.
import { createHash } from "node:crypto";
import { document } from "./documents.mjs";
import { key_of, open, signers } from "./signatures.mjs";
import { crc32 } from "./small.mjs";
import { Rejected, read, reject } from "./strict_json.mjs";

const hash = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();

function be(value, bytes) {
    const found = Buffer.alloc(bytes);
    if (bytes === 8) found.writeBigUInt64BE(BigInt(value));
    else found.writeUInt32BE(value);
    return found;
}

export function first_chain(box, epoch, head = Buffer.alloc(32), size = 0) {
    return hash(Buffer.from(`FBJ1\0${box}\0`), be(epoch, 4), head, be(size, 8));
}

export function next_chain(chain, seq, entry) {
    return hash(Buffer.from([0x10]), chain, be(seq, 8), hash(Buffer.from([0x00]), entry));
}

// SPEC 9.13.
export function chain_behind_gap(box, epoch, missing, seq) {
    return hash(Buffer.from(`FBJ2\0${box}\0`), be(epoch, 4), be(missing, 8), be(seq, 8));
}

export function chain(vector) {
    if ("missing" in vector) {
        return { chain: [chain_behind_gap(vector.box, vector.epoch, vector.missing, vector.seq).toString("hex")] };
    }
    let value = first_chain(vector.box, vector.epoch, Buffer.from(vector.previous_head, "hex"), vector.previous_size);
    const found = [value.toString("hex")];
    vector.entries.forEach((text, seq) => {
        value = next_chain(value, seq, Buffer.from(text));
        found.push(value.toString("hex"));
    });
    return { chain: found };
}

export function frames(disk) {
    const found = [];
    let at = 0;
    while (disk.length >= at + 10 && disk.toString("latin1", at, at + 2) === "FJ") {
        const end = at + 10 + disk.readUInt32BE(at + 2);
        const body = disk.subarray(at + 10, end + 32);
        const length = end - at - 10;
        const whole = length >= 1 && length <= 1024 && disk.length >= end + 32 && crc32(body) === disk.readUInt32BE(at + 6);
        if (!whole) break;
        found.push({ entry: disk.toString("utf8", at + 10, end), chain: disk.toString("hex", end, end + 32) });
        at = end + 32;
    }
    return { frames: found, end: at };
}

// What a server knows of one box's first epoch: entry texts and chain values, the latter one more.
export class Memory {
    constructor(box) {
        this.box = box;
        this.texts = [];
        this.chains = [first_chain(box, 1)];
    }

    // SPEC 10.2 and 10.3: the outcome of a batch by itself, and the answer to the box.
    receive(bytes, key) {
        let own = null;
        try {
            const batch = this.sound(bytes);
            const keys = new Map([[key.keyid, key_of(key)]]);
            own = { from: batch.get("from"), size: batch.get("from") + batch.get("entries").length };
            let refused = null;
            try {
                signers(batch.checkpoint, keys);
            } catch (error) {
                own = { code: error.code };
                refused = error;
            }
            this.identify(batch);
            if (refused) throw refused;
            return [own, this.append(batch)];
        } catch (error) {
            if (!(error instanceof Rejected)) throw error;
            return [own ?? { code: error.code }, this.answer("nack", error.code, this.texts.length)];
        }
    }

    sound(bytes) {
        const batch = document("batch", bytes);
        batch.checkpoint = open(batch.get("checkpoint"), "checkpoint");
        batch.mark = document("checkpoint", batch.checkpoint.payload);
        return batch;
    }

    identify(batch) {
        const [mark, from, texts] = [batch.mark, batch.get("from"), batch.get("entries")];
        const names = [batch.get("box"), mark.get("box")];
        texts.forEach((text, at) => {
            const entry = read(Buffer.from(text), 1024);
            names.push(entry.get("box"));
            if (entry.get("seq") !== from + at || entry.get("epoch") !== batch.get("epoch")) names.push("");
        });
        const ends = mark.get("epoch") === batch.get("epoch") && mark.get("size") === from + texts.length;
        if (!ends || names.some((name) => name !== this.box)) reject("BATCH_IDENTITY");
    }

    append(batch) {
        const [from, texts] = [batch.get("from"), batch.get("entries")];
        if (from > this.texts.length) reject("BATCH_GAP");
        const chains = [this.chains[from]];
        texts.forEach((text, at) => {
            if (from + at < this.texts.length && this.texts[from + at] !== text) reject("BATCH_FORK");
            chains.push(next_chain(chains[at], from + at, Buffer.from(text)));
        });
        if (chains.at(-1).toString("hex") !== batch.mark.get("head")) reject("BATCH_CHAIN");
        const known = this.texts.length - from;
        this.texts.push(...texts.slice(known));
        this.chains.push(...chains.slice(known + 1));
        return this.answer("ack", "", from + texts.length);
    }

    answer(result, code, size) {
        return { result, code, size, head: this.chains[size].toString("hex") };
    }
}
