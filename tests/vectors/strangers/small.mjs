// Catalog file, boot block, serial line, claim proof and topics, from SPEC 8.2, 8.3, 11, 13.4, 14.3 and 15.5.
import { createHash, createHmac } from "node:crypto";
import { reject } from "./strict_json.mjs";

const hash = (bytes) => createHash("sha256").update(bytes).digest();

export function crc32(bytes) {
    let crc = 0xffffffff;
    for (const byte of bytes) {
        crc ^= byte;
        for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    }
    return (crc ^ 0xffffffff) >>> 0;
}

export function catalog(file, songs) {
    const keys_at = 32 + 4 * 65537;
    if (file.length < keys_at || file.toString("latin1", 0, 8) !== "FBCATLG1") reject("CATALOG_MALFORMED");
    const entries = file.readUInt32BE(8);
    if (file.readUInt32BE(12) !== 40 || file.length !== keys_at + entries * 56) reject("CATALOG_MALFORMED");
    const pages = [];
    for (let at = 0; at < file.length; at += 4096) pages.push(hash(file.subarray(at, at + 4096)));
    const find = (song) => {
        const key = hash(Buffer.from(song)).subarray(0, 16);
        const bucket = 32 + 4 * key.readUInt16BE(0);
        for (let entry = file.readUInt32BE(bucket); entry < file.readUInt32BE(bucket + 4); entry++) {
            if (!file.subarray(keys_at + 16 * entry, keys_at + 16 * entry + 16).equals(key)) continue;
            const at = keys_at + 16 * entries + 40 * entry;
            return {
                song,
                work_key: file.toString("hex", at, at + 16),
                file_key: file.toString("hex", at + 16, at + 32),
                duration_s: file.readUInt16BE(at + 32),
                flags: file.readUInt16BE(at + 34),
            };
        }
        return null;
    };
    return {
        entries,
        epoch: Number(file.readBigUInt64BE(16)),
        sha256: hash(file).toString("hex"),
        pages_sha256: hash(Buffer.concat(pages)).toString("hex"),
        songs: songs.map(find),
    };
}

export function boot_block(block) {
    if (block.length !== 4096 || crc32(block.subarray(4)) !== block.readUInt32BE(0)) return null;
    const lines = block.toString("latin1", 4).split("\0").filter((line) => line).map((line) => line.split("="));
    const found = Object.fromEntries(lines);
    const names = Object.keys(found).sort().join();
    if (lines.length !== 4 || names !== "a_left,b_left,order,seq" || !/^(ab|ba)$/.test(found.order)) return null;
    if (!/^[0-3]$/.test(found.a_left) || !/^[0-3]$/.test(found.b_left) || !/^[0-9]{1,15}$/.test(found.seq)) return null;
    const state = { seq: +found.seq, order: found.order, a_left: +found.a_left, b_left: +found.b_left };
    const boots = [...state.order].find((slot) => state[`${slot}_left`] > 0) ?? null;
    const then = boots && { ...state, seq: state.seq + 1, [`${boots}_left`]: state[`${boots}_left`] - 1 };
    return { state, boots, then };
}

export function serial(pieces) {
    const payloads = [];
    let [buffer, last_ms] = [Buffer.alloc(0), 0];
    for (const { hex, at_ms } of pieces) {
        if (at_ms - last_ms > 200) buffer = Buffer.alloc(0);
        last_ms = at_ms;
        buffer = Buffer.concat([buffer, Buffer.from(hex, "hex")]);
        for (;;) {
            const start = buffer.indexOf(Buffer.from([0xfb, 0x01]));
            if (start < 0 || buffer.length < start + 4) break;
            const length = buffer.readUInt16BE(start + 2);
            const end = start + 4 + length;
            const has_length = length >= 1 && length <= 1024;
            if (has_length && buffer.length < end + 4) break;
            if (has_length && crc32(buffer.subarray(start + 2, end)) === buffer.readUInt32BE(end)) {
                payloads.push(buffer.toString("hex", start + 4, end));
                buffer = buffer.subarray(end + 4);
            } else {
                buffer = buffer.subarray(start + 2);
            }
        }
    }
    return { payloads };
}

export function claim_proof({ secret, nonce, csr, box, venue }) {
    const hmac = createHmac("sha256", Buffer.from(secret, "hex")).update("FBCLAIM1").update(Buffer.from(nonce, "hex"));
    return { proof: hmac.update(hash(Buffer.from(csr, "hex"))).update(box).update(venue).digest("hex") };
}

export function topic({ topic, box }) {
    const up = /^v1\/up\/(KTV-[0-9A-Z]{4,32})\/(journal|report|receipt)$/.exec(topic);
    const down = /^v1\/dn\/([^/]+)\/(order|notice|lease|ack|rollout|look)$/.exec(topic);
    const to_all = down && down[1] === "all" && ["order", "notice", "look"].includes(down[2]);
    return { up: up && up.slice(1, 3), down: down && (down[1] === box || to_all) ? down[2] : "" };
}
