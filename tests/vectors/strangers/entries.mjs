// Journal entries: names and values of SPEC 9.2 and 9.3, with the forms of SPEC 1 and 4.
import { region_level, venue_code } from "./signatures.mjs";
import { Rejected, read, reject, require_names } from "./strict_json.mjs";

const INSTANT_MAX = 253402214400000;
const UNFIT = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u;

const count = (value) => Number.isSafeInteger(value) && value >= 0;
const instant = (value) => count(value) && value <= INSTANT_MAX;
const or_null = (form) => (value) => value === null || form(value);
const bool = (value) => typeof value === "boolean";
const matches = (pattern) => (value) => typeof value === "string" && pattern.test(value);
const one_of = (...words) => (value) => words.includes(value);
const text = (most, least = 0) => (value) =>
    typeof value === "string" && !UNFIT.test(value) && [...value].length >= least && [...value].length <= most;
const all = (form) => (value) => Array.isArray(value) && value.length <= 64 && value.every(form);
const region = (value) => typeof value === "string" && region_level(value) !== null;
const order = (value) => matches(/^[0-9]{6}-[0-9]{4}-[0-9]{6}$/)(value) && region(value.slice(0, 6));
const notice = (value) => matches(/^[0-9]{6}-[0-9]{4}-T[0-9]{5}$/)(value) && region(value.slice(0, 6));
const room = (value) => text(16, 1)(value) && !/[ \u3000]/.test(value);
const code = matches(/^[A-Z0-9_]*$/);
const hash = matches(/^[0-9a-f]{64}$/);

function venue(value) {
    try {
        return matches(/./)(value) && venue_code(value) === value;
    } catch (error) {
        if (error instanceof Rejected) return false;
        throw error;
    }
}

const ENTRY = {
    v: (value) => value === 1 || reject("DOCUMENT_VERSION"),
    box: matches(/^KTV-[0-9A-Z]{4,32}$/),
    epoch: (value) => count(value) && value > 0,
    seq: count,
    kind: (value) => typeof value === "string" && value in BODIES,
    at_ms: or_null(instant),
    tq: one_of("signed", "held", "none"),
    rtc_ms: instant,
    mono_ms: instant,
    boot: count,
    body: (value) => value instanceof Map,
};
const PLAY = { room, song: matches(/^[A-Za-z0-9_-]{1,20}$/), kind: one_of("guest", "filler", "advert", "test") };
const result = one_of("accepted", "known", "rejected");
const EPOCH_RESULT = { epoch: count, result, code };
const slot = one_of("a", "b");
const STATES = ["idle", "downloading", "written", "armed", "trial", "confirmed", "rolled-back", "rejected"];
const BODIES = {
    __proto__: null,
    EPOCH: { size: count, head: hash },
    BOOT: { version: text(32, 1), slot, clean: bool, torn_bytes: count, torn_sha256: matches(/^([0-9a-f]{64})?$/), counter: count },
    PLAY_START: { ...PLAY, catalog_epoch: count },
    PLAY_END: {
        play: text(40, 3), ...PLAY, played_s: (value) => count(value) && value <= 86400, elapsed_s: count,
        reason: one_of("end", "skip", "lock", "ban", "hours", "power"), counted: bool, cut_song_s: count, policy_epoch: count,
    },
    REFUSED: { ...PLAY, code },
    ORDER: { order: text(40), document: hash, kind: text(10), result, code, ends: all(order) },
    NOTICE: { notice: text(40), document: hash, result, code },
    SHOWN: { notice, what: one_of("shown", "acknowledged") },
    LEASE: { lease: count, full_until_ms: instant, core_from_ms: instant, stop_at_ms: instant, extension: count },
    TIME: { from_ms: or_null(instant), to_ms: instant },
    CATALOG: EPOCH_RESULT,
    POLICY: EPOCH_RESULT,
    UPDATE: { rollout: text(40), version: text(32), slot, state: one_of(...STATES), code },
    SEAL: { open: bool, opening: count, at_boot: bool },
    REOPEN: { orders: all(order) },
    CLAIM: { venue, region },
    FAULT: { code, begun: bool },
};

function check(found, forms) {
    require_names(found, Object.keys(forms));
    for (const [name, fits] of Object.entries(forms)) {
        if (!fits(found.get(name))) reject("DOCUMENT_MALFORMED", name);
    }
}

// A sound entry, as a Map.
export function entry(raw) {
    const found = read(raw, 1024);
    check(found, ENTRY);
    check(found.get("body"), BODIES[found.get("kind")]);
    return found;
}
