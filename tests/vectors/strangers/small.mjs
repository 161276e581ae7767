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

const CATALOG_SCOPE = /^([0-9]{6})(,[0-9]{6}){0,63}$/;

export function catalog(file, songs, files) {
    const word = (at) => file.readUInt32LE(at);
    if (file.length < 64 || file.toString("latin1", 0, 8) !== "FBCATLG1") reject("CATALOG_MALFORMED");
    const [rows, row_bytes, bits, known] = [8, 12, 24, 28].map((at) => file.readUInt32BE(at));
    if (row_bytes !== 64 || bits < 4 || bits > 20 || known > rows) reject("CATALOG_MALFORMED");
    const file_index_at = 64 + 4 * 2 ** bits;
    const rows_at = 64 + 8 * 2 ** bits;
    const files_at = rows_at + 64 * rows;
    const scopes_at = files_at + 4 * known;
    const end = scopes_at + file.readUInt32BE(32);
    if (file.length !== end + 32 * Math.ceil(end / 4096)) reject("CATALOG_MALFORMED");
    const pages = [];
    for (let at = 0; at < end; at += 4096) pages.push(hash(file.subarray(at, Math.min(at + 4096, end))));
    if (!Buffer.concat(pages).equals(file.subarray(end))) reject("CATALOG_MALFORMED");
    const listed = end > scopes_at ? file.toString("latin1", scopes_at, end).split(";") : [];
    if (listed.some((scope) => !CATALOG_SCOPE.test(scope))) reject("CATALOG_MALFORMED");
    if (listed.length > 999) reject("CATALOG_MALFORMED");
    const scopes = [[], ...listed.map((scope) => scope.split(","))];
    const numbers = (index_at, first) => {
        const found = word(index_at + 4 * (first >>> (32 - bits)));
        return Array.from({ length: (found >>> 8) & 15 }, (_, at) => (found >>> 12) + at);
    };
    const row = (number) => file.subarray(rows_at + 64 * number, rows_at + 64 * number + 64);
    const find = (song) => {
        const key = Buffer.alloc(21);
        key.write(song, "latin1");
        const found = numbers(64, crc32(Buffer.from(song, "latin1"))).map(row).find((one) => one.subarray(0, 21).equals(key));
        if (!found) return null;
        return {
            song,
            work_key: found.toString("hex", 37, 45),
            file_key: found.toString("hex", 21, 37),
            picture_key: found.toString("hex", 45, 53),
            regions: scopes[found.readUInt16BE(53)] ?? null,
            not_before: found.readUInt16BE(55),
            not_after: found.readUInt16BE(57),
            duration_s: found.readUInt16BE(59),
            flags: found.readUInt16BE(61),
        };
    };
    const find_file = (sha256) => {
        const key = Buffer.from(sha256, "hex").subarray(0, 16);
        const places = numbers(file_index_at, key.readUInt32BE(0)).map((at) => row(word(files_at + 4 * at)));
        const found = places.find((one) => one.subarray(21, 37).equals(key));
        return found ? found.toString("latin1", 0, 20).replace(/\0+$/, "") : null;
    };
    return {
        entries: rows,
        epoch: Number(file.readBigUInt64BE(16)),
        sha256: hash(file).toString("hex"),
        pages_sha256: hash(file.subarray(end)).toString("hex"),
        songs: songs.map(find),
        files: files.map(find_file),
    };
}

export function boot_block(block) {
    if (block.length !== 4096 || crc32(block.subarray(4)) !== block.readUInt32BE(0)) return null;
    const lines = block.toString("latin1", 4).split("\0").filter((line) => line).map((line) => line.split("="));
    const found = Object.fromEntries(lines);
    const names = Object.keys(found).sort().join();
    if (lines.length !== 4 || names !== "a_left,b_left,order,seq" || !/^(ab|ba)$/.test(found.order)) return null;
    if (![found.a_left, found.b_left, found.seq].every((number) => /^[0-9]{1,15}$/.test(number))) return null;
    if (+found.a_left > 3 || +found.b_left > 3) return null;
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
    const down = /^v1\/dn\/([^/]+)\/(order|notice|lease|extension|ack|rollout|look)$/.exec(topic);
    const to_all = down && down[1] === "all" && ["order", "notice", "extension", "look"].includes(down[2]);
    return { up: up && up.slice(1, 3), down: down && (down[1] === box || to_all) ? down[2] : "" };
}
