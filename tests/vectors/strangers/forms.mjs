// Forms of single values, from SPEC 1, 2.5, 4 and 17.1: each says whether a value has it, or rejects with its own code.
import { createHash } from "node:crypto";
import { region_level, venue_code } from "./names.mjs";
import { reject, require_names } from "./strict_json.mjs";

const INSTANT_MAX = 253402214400000;
const JOURNAL_EPOCH_MAX = 99999999;
const UNFIT = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u;
// SubjectPublicKeyInfo of P-256 (RFC 5480) up to the point.
const SPKI = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex");

export const integer = (least, most = Number.MAX_SAFE_INTEGER) => (value) =>
    Number.isSafeInteger(value) && value >= least && value <= most;
export const count = integer(0);
export const instant = integer(0, INSTANT_MAX);
export const journal_epoch = integer(1, JOURNAL_EPOCH_MAX);
export const or_null = (form) => (value) => value === null || form(value);
export const or_empty = (form) => (value) => value === "" || form(value);
export const bool = (value) => typeof value === "boolean";
export const matches = (pattern) => (value) => typeof value === "string" && pattern.test(value);
export const one_of = (...words) => (value) => words.includes(value);
export const text = (least, most) => (value) =>
    typeof value === "string" && !UNFIT.test(value) && [...value].length >= least && [...value].length <= most;
export const array = (form, most, least = 0) => (value) =>
    Array.isArray(value) && value.length >= least && value.length <= most && value.every(form);
export const distinct = (form, most, least = 0) => (value) =>
    array(form, most, least)(value) && new Set(value).size === value.length;
export const object = (forms) => (value) => check(value, forms);

export const region = (value) => typeof value === "string" && region_level(value) !== null;
export const venue = (value) => typeof value === "string" && venue_code(value) === value;
export const box = matches(/^KTV-[0-9A-Z]{4,32}$/);
export const person = matches(/^[a-z0-9.-]{1,32}$/);
export const room = (value) => text(1, 16)(value) && !/[ \u3000]/.test(value);
export const song = matches(/^[A-Za-z0-9_-]{1,20}$/);
export const order = (value) => matches(/^[0-9]{6}-[0-9]{4}-[0-9]{6}$/)(value) && region(value.slice(0, 6));
export const notice = (value) => matches(/^[0-9]{6}-[0-9]{4}-T[0-9]{5}$/)(value) && region(value.slice(0, 6));
export const code = matches(/^[A-Z0-9_]{0,40}$/);
export const hash = matches(/^[0-9a-f]{64}$/);
export const nonce = matches(/^[0-9a-f]{32}$/);
export const free_text = text(0, 500);
export const needed_text = text(1, 500);
export const version = (value) => matches(/^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}$/)(value) && value.length <= 32;
export const path = (value) => matches(/^[A-Za-z0-9._/-]{1,200}$/)(value) && !value.split("/").some(is_no_part);
export const base64 = (value) =>
    typeof value === "string" && value.length >= 4 && Buffer.from(value, "base64").toString("base64") === value;
export const slot = one_of("a", "b");
export const result = one_of("accepted", "known", "rejected");
export const quality = one_of("signed", "held", "none");
const STATES = ["idle", "downloading", "written", "armed", "trial", "confirmed", "rolled-back", "rejected"];
export const update_state = one_of(...STATES);

const is_no_part = (part) => ["", ".", ".."].includes(part);

export function key(value) {
    check(value, { keyid: hash, public: matches(/^[0-9a-f]{130}$/), scheme: one_of("ecdsa-p256-sha256") });
    const spki = Buffer.concat([SPKI, Buffer.from(value.get("public"), "hex")]);
    return createHash("sha256").update(spki).digest("hex") === value.get("keyid");
}

// The object has exactly these names, each with a value of its form: true, or it is rejected.
export function check(found, forms) {
    require_names(found, Object.keys(forms));
    for (const [name, fits] of Object.entries(forms)) {
        if (!fits(found.get(name))) reject("DOCUMENT_MALFORMED", name);
    }
    return true;
}

// The object is of version 1 (SPEC 2.4) and of these forms besides.
export function check_versioned(found, forms) {
    if (found.get("v") !== 1) reject("DOCUMENT_VERSION");
    return check(found, { v: () => true, ...forms });
}
