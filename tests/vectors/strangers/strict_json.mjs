// A strict reader of documents, from SPEC 2.1 and 2.2. Objects become Maps, so that no name is special.

const SPACE = " \t\n\r";
const SHORT = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
export const DEPTH_MAX = 16;

export class Rejected extends Error {
    constructor(code, why = "") {
        super(`${code} ${why}`);
        this.code = code;
    }
}

export function reject(code, why) {
    throw new Rejected(code, why);
}

// The document in these bytes (a Buffer).
export function read(bytes, bytesMax = 65536) {
    if (bytes.length > bytesMax) reject("DOCUMENT_TOO_LARGE");
    let text;
    try {
        text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
        reject("DOCUMENT_MALFORMED", "not UTF-8");
    }
    const reader = new Reader(text);
    const value = reader.value(1);
    reader.space();
    if (reader.at !== text.length || !(value instanceof Map)) reject("DOCUMENT_MALFORMED", "no single object");
    return value;
}

class Reader {
    constructor(text) {
        this.text = text;
        this.at = 0;
    }

    space() {
        while (this.at < this.text.length && SPACE.includes(this.text[this.at])) this.at++;
    }

    take(mark) {
        this.space();
        if (this.text[this.at] !== mark) reject("DOCUMENT_MALFORMED", `${mark} at ${this.at}`);
        this.at++;
    }

    value(depth) {
        this.space();
        const first = this.text[this.at];
        if (first === '"') return this.string();
        if ((first === "{" || first === "[") && depth > DEPTH_MAX) reject("DOCUMENT_MALFORMED", "too deep");
        if (first === "{") return this.object(depth);
        if (first === "[") return this.array(depth);
        for (const [word, value] of [["true", true], ["false", false], ["null", null]]) {
            if (this.text.startsWith(word, this.at)) {
                this.at += word.length;
                return value;
            }
        }
        return this.integer();
    }

    integer() {
        const found = /^(0|-?[1-9][0-9]*)(?![0-9.eE])/.exec(this.text.slice(this.at, this.at + 30));
        if (!found || !Number.isSafeInteger(Number(found[0]))) reject("DOCUMENT_MALFORMED", `number at ${this.at}`);
        this.at += found[0].length;
        return Number(found[0]);
    }

    object(depth) {
        const found = new Map();
        this.take("{");
        for (this.space(); this.text[this.at] !== "}"; this.space()) {
            if (found.size) this.take(",");
            this.space();
            const name = this.string();
            if (found.has(name)) reject("DOCUMENT_MALFORMED", `${name} twice`);
            this.take(":");
            found.set(name, this.value(depth + 1));
        }
        this.take("}");
        return found;
    }

    array(depth) {
        const found = [];
        this.take("[");
        for (this.space(); this.text[this.at] !== "]"; this.space()) {
            if (found.length) this.take(",");
            found.push(this.value(depth + 1));
        }
        this.take("]");
        return found;
    }

    string() {
        this.take('"');
        let found = "";
        for (;;) {
            const char = this.text[this.at++];
            if (char === undefined || char < " ") reject("DOCUMENT_MALFORMED", `string at ${this.at}`);
            if (char === '"') break;
            found += char === "\\" ? this.escape() : char;
        }
        if (!found.isWellFormed?.() && /\p{Surrogate}/u.test(found)) reject("DOCUMENT_MALFORMED", "lone surrogate");
        return found;
    }

    escape() {
        const mark = this.text[this.at++];
        if (mark in SHORT) return SHORT[mark];
        const digits = this.text.slice(this.at, this.at + 4);
        if (mark !== "u" || !/^[0-9a-fA-F]{4}$/.test(digits)) reject("DOCUMENT_MALFORMED", `escape at ${this.at}`);
        this.at += 4;
        return String.fromCharCode(parseInt(digits, 16));
    }
}

// SPEC 2.3: names sorted, no white space, shortest escapes. JSON.stringify escapes as RFC 8785 does.
export function canonical(value) {
    if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
    if (!(value instanceof Map)) return JSON.stringify(value);
    const members = [...value.keys()].sort().map((name) => `${JSON.stringify(name)}:${canonical(value.get(name))}`);
    return `{${members.join(",")}}`;
}

// The object has exactly these names.
export function require_names(map, names) {
    if (!(map instanceof Map)) reject("DOCUMENT_MALFORMED", "no object");
    if (map.size !== names.length || names.some((name) => !map.has(name))) reject("DOCUMENT_MALFORMED", "other names");
}
