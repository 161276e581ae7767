// The archive of an evidence, from SPEC 16.1 alone: POSIX ustar in its one form.
const BLOCK = 512;
const RECORD = 20 * BLOCK;

export class BadArchive extends Error {}

const octal = (value, digits) => value.toString(8).padStart(digits, "0") + "\0";

// The header block of a file of this name and length.
function header(name, length) {
    const block = Buffer.alloc(BLOCK);
    block.write(name, 0, 100, "utf8");
    block.write(octal(0o644, 7) + octal(0, 7) + octal(0, 7) + octal(length, 11) + octal(0, 11), 100, "latin1");
    block.write(" ".repeat(8) + "0", 148, "latin1");
    block.write("ustar\x0000", 257, "latin1");
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(octal(sum, 6) + " ", 148, "latin1");
    return block;
}

// A Map from name to bytes; throws BadArchive where a byte differs from what these files would give.
export function untar(raw) {
    const files = new Map();
    let [at, last] = [0, ""];
    while (at + BLOCK <= raw.length && raw[at] !== 0) {
        const name = raw.toString("latin1", at, at + 100).replace(/\0.*$/s, "");
        const length = parseInt(raw.toString("latin1", at + 124, at + 135), 8);
        const end = at + BLOCK + length;
        if (!(end <= raw.length) || !raw.subarray(at, at + BLOCK).equals(header(name, length))) {
            throw new BadArchive(`header of ${name}`);
        }
        if (name <= last) throw new BadArchive(`${name} does not stand in its place`);
        files.set(name, raw.subarray(at + BLOCK, end));
        last = name;
        at += BLOCK + BLOCK * Math.ceil(length / BLOCK);
        if (raw.subarray(end, at).some((byte) => byte)) throw new BadArchive(`padding behind ${name}`);
    }
    const whole = RECORD * Math.ceil((at + 2 * BLOCK) / RECORD);
    if (raw.length !== whole || raw.subarray(at).some((byte) => byte)) throw new BadArchive("end");
    return files;
}
