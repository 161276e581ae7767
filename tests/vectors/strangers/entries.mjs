// Journal entries: names and values of SPEC 9.2 and 9.3.
import {
    array, bool, box, check, check_versioned, code, count, hash, instant, integer, journal_epoch, notice, one_of, or_empty,
    or_null, order, quality, region, result, room, slot, song, text, update_state, venue,
} from "./forms.mjs";
import { canonical, read, reject } from "./strict_json.mjs";

const ENTRY_BYTES_MAX = 1024;
const ENTRY = {
    box,
    epoch: journal_epoch,
    seq: count,
    kind: (value) => typeof value === "string" && value in BODIES,
    at_ms: or_null(instant),
    tq: quality,
    rtc_ms: instant,
    mono_ms: instant,
    boot: count,
    body: (value) => value instanceof Map,
};
const PLAY = { room, song, kind: one_of("guest", "filler", "advert", "test") };
const EPOCH_RESULT = { epoch: count, result, code };
const orders = array(order, 64);
const BODIES = {
    __proto__: null,
    EPOCH: { size: count, head: hash, reason: one_of("lost", "edited", "damaged", "fleet"), at: count },
    BOOT: { version: text(1, 32), slot, clean: bool, torn_bytes: count, torn_sha256: or_empty(hash), counter: count },
    PLAY_START: { ...PLAY, catalog_epoch: count },
    PLAY_END: {
        play: text(3, 40), ...PLAY, played_s: integer(0, 86400), elapsed_s: count,
        reason: one_of("end", "skip", "lock", "ban", "hours", "power"), counted: bool, cut_song_s: count, policy_epoch: count,
    },
    REFUSED: { ...PLAY, code },
    ORDER: { order: text(0, 40), document: hash, kind: text(0, 10), result, code, ends: orders },
    NOTICE: { notice: text(0, 40), document: hash, result, code },
    SHOWN: { notice, what: one_of("shown", "acknowledged") },
    LEASE: { lease: count, full_until_ms: instant, core_from_ms: instant, stop_at_ms: instant, extension: count },
    TIME: { from_ms: or_null(instant), to_ms: instant },
    CLOCK: { from_ms: instant, to_ms: instant },
    CATALOG: EPOCH_RESULT,
    POLICY: EPOCH_RESULT,
    UPDATE: { rollout: text(0, 40), version: text(0, 32), slot, state: update_state, code },
    SEAL: { open: bool, opening: count, at_boot: bool },
    REOPEN: { orders },
    CLAIM: { venue, region },
    FAULT: { code, begun: bool },
};

// A sound entry, as a Map.
export function entry(raw) {
    const found = read(raw, ENTRY_BYTES_MAX);
    check_versioned(found, ENTRY);
    check(found.get("body"), BODIES[found.get("kind")]);
    if (!Buffer.from(canonical(found)).equals(raw)) reject("DOCUMENT_MALFORMED", "not canonical");
    return found;
}
