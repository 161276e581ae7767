// Documents of every kind by themselves: names, values and bounds, from the clause of each and SPEC 17.
import { entry } from "./entries.mjs";
import {
    array, bool, base64, box, check_versioned, code, count, distinct, free_text, hash, instant, integer, journal_epoch, key,
    matches, needed_text, nonce, notice, object, one_of, or_empty, or_null, order, path, person, quality, region, result,
    room, slot, text, update_state, venue, version,
} from "./forms.mjs";
import { open } from "./signatures.mjs";
import { read, reject } from "./strict_json.mjs";

const HOUR_MS = 3600000;
const DAY_MS = 24 * HOUR_MS;
export const ORDER_BYTES_MAX = 1048576;
const BYTES_MAX = {
    order: ORDER_BYTES_MAX,
    batch: 131072,
    "authority policy": 1048576,
    "ban list": 4194304,
};
const epoch = integer(1);
const bytes = integer(1, 2 ** 33);
const require = (is_so, why) => is_so || reject("DOCUMENT_MALFORMED", why);

// SPEC 6.1.
const any_venues = object({ venues: distinct(venue, 1000, 1) });
const one_venue = object({ venues: distinct(venue, 1, 1) });
const some_rooms = object({ venues: distinct(venue, 1, 1), rooms: distinct(room, 64, 1) });
const has = (value, name) => value instanceof Map && value.has(name);
const scope = (value) => (has(value, "region") ? object({ region })(value) : any_venues(value));
const scope_of_stop = (value) => (has(value, "rooms") ? some_rooms(value) : scope(value));
const target = object({ by: one_of("work", "version", "file", "picture"), id: matches(/^[A-Za-z0-9_-]{1,64}$/) });
const targets = array(target, 7000, 1);
const ends = distinct(order, 64, 1);
const ANY_ORDER = {
    order, kind: () => true, authority: region, drafted_by: person, document: text(1, 80), basis: text(1, 200),
    text_zh: needed_text, text_en: free_text, issued_at_ms: instant, expires_at_ms: instant,
};
const ORDERS = {
    __proto__: null,
    stop: { scope: scope_of_stop, ends_at_ms: instant, grace_s: integer(0, 600) },
    ban: { scope, targets, ends_at_ms: or_null(instant) },
    resume: { scope, ends },
    lift: { scope, ends },
    service: { scope: one_venue, action: one_of("clear-seal"), opening: integer(1) },
};

function order_document(found) {
    const more = typeof found.get("kind") === "string" ? ORDERS[found.get("kind")] : undefined;
    if (found.get("v") === 1) require(more, "kind");
    check_versioned(found, { ...ANY_ORDER, ...more });
    const [issued, expires, end] = ["issued_at_ms", "expires_at_ms", "ends_at_ms"].map((name) => found.get(name));
    require(issued < expires && expires <= issued + 90 * DAY_MS, "expires_at_ms");
    require(typeof end !== "number" || issued < end, "ends_at_ms");
}

// SPEC 5.2, 5.3 and 17.3.
const KINDS = ["stop", "resume", "ban", "lift", "service", "notice"];
const officer = object({
    person, name: text(1, 60), region, may: distinct(one_of(...KINDS), KINDS.length), keys: array(key, 8),
});
const POLICY = {
    epoch,
    issued_at_ms: instant,
    persons: array(officer, 2000),
    services: array(object({ use: one_of("lease", "ack", "rollout"), key }), 16),
    authorities: array(object({ use: one_of("fleet-ca", "factory-ca"), certificate: base64 }), 8),
    limits: array(object({ level: integer(1, 4), venues_max: integer(0, 1000000) }), 4),
    moved: array(object({ region, now: region }), 256),
    rules: object({ cut_song_s: integer(0, 3600) }),
};

function policy(found) {
    check_versioned(found, POLICY);
    const all = (list, name) => found.get(list).map((one) => one.get(name));
    const keys = [...all("persons", "keys").flat(), ...all("services", "key")].map((one) => one.get("keyid"));
    const moved = all("moved", "region");
    for (const names of [all("persons", "person"), keys, all("limits", "level"), moved]) {
        require(new Set(names).size === names.length, "twice");
    }
    require(!all("moved", "now").some((now) => moved.includes(now)), "moved");
}

// SPEC 7.1 and 7.5.
const LEASE = {
    box, venue, region, lease: integer(1), nonce, issued_at_ms: instant, full_until_ms: instant, core_from_ms: instant,
    stop_at_ms: instant, powered_s_max: integer(72 * 3600), plays_max: integer(50000), policy_epoch: count,
    catalog_epoch: count,
};

function lease(found) {
    check_versioned(found, LEASE);
    const after_ms = (name) => found.get(name) - found.get("issued_at_ms");
    const [full, core, stop] = ["full_until_ms", "core_from_ms", "stop_at_ms"].map(after_ms);
    require(72 * HOUR_MS <= full && full <= core && core <= stop && stop <= 40 * DAY_MS, "rungs");
}

function extension(found) {
    check_versioned(found, { extension: integer(1), region, issued_at_ms: instant, full_until_ms: instant });
    const for_ms = found.get("full_until_ms") - found.get("issued_at_ms");
    require(0 < for_ms && for_ms <= 7 * DAY_MS, "full_until_ms");
}

// SPEC 12.1.
const NOTICE = {
    notice, kind: one_of("notice", "announcement", "warning"), authority: region, issued_by: person, scope,
    text_zh: needed_text, text_en: free_text, issued_at_ms: instant, show_until_ms: instant,
};

function notice_document(found) {
    check_versioned(found, NOTICE);
    require(found.get("show_until_ms") > found.get("issued_at_ms"), "show_until_ms");
}

// SPEC 10.1: entries are texts here; whether each is an entry is asked behind this (10.2).
const entry_text = (value) => typeof value === "string" && Buffer.byteLength(value) >= 1 && Buffer.byteLength(value) <= 1024;
const checkpoint_envelope = (value) => Boolean(open(value, "checkpoint"));
const BATCH = {
    box, epoch: journal_epoch, from: count, entries: array(entry_text, 200, 1), checkpoint: checkpoint_envelope,
};

const table = object({
    epoch, entries: integer(0, 1000000), path, length: bytes, sha256: hash, pages: hash,
});
const file = object({ path, length: bytes, sha256: hash });
const ban = object({
    order, authority: region, ends_at_ms: or_null(instant), scope, lifted: array(scope, 64), targets,
});
const ladder = object({
    standing: one_of("full", "warning", "core", "expired"), full_until_ms: instant, core_from_ms: instant, stop_at_ms: instant,
});
const update = object({ rollout: text(0, 40), version: text(0, 32), state: update_state, code });
const refused = (value) =>
    value instanceof Map && value.size <= 64 && [...value].every(([name, number]) => code(name) && count(number));
const REPORT = {
    box, venue: or_empty(venue), at_ms: or_null(instant), tq: quality, boot: count, version: text(1, 32), slot,
    state: one_of("unclaimed", "in-service", "ready", "locked", "closed", "expired", "failed"), holds: array(order, 256),
    grace: array(order, 256), catalog_epoch: count, policy_epoch: count, lease: count, ladder: or_null(ladder),
    nonce: or_empty(nonce), journal: object({ epoch: journal_epoch, size: count, head: hash, watermark: count }),
    notices: array(notice, 64), update: or_null(update), seal: one_of("intact", "open", "was-opened"), opening: count,
    rooms_busy: integer(0, 400), refused, faults: array(code, 16),
};
const RECEIPT = {
    box, venue, subject: one_of("order", "notice"), id: text(0, 40), document: hash, result, code, holds: array(order, 256),
    grace: array(order, 256), at_ms: or_null(instant), epoch: count, seq: count,
};
const MANIFEST = { epoch, issued_at_ms: instant, entries: integer(0, 1000000), tables: array(table, 9, 1), bans: or_null(file) };
const BUNDLE = {
    version, compatible: matches(/^[a-z0-9-]{1,40}$/), security_epoch: count, image: file, text_zh: free_text, text_en: free_text,
};
const CHECKPOINT = { box, epoch: journal_epoch, size: count, head: hash, at_ms: or_null(instant), boot: count, counter: count, ended: bool };
const ACK = { box, epoch: journal_epoch, result: one_of("ack", "nack"), size: count, head: hash, code, at_ms: instant };

// SPEC 8.1: rising epochs, the last of which is the manifest's.
function manifest(found) {
    check_versioned(found, MANIFEST);
    const epochs = found.get("tables").map((one) => one.get("epoch"));
    require(epochs.every((one, at) => !at || one > epochs[at - 1]) && epochs.at(-1) === found.get("epoch"), "epochs");
}

// SPEC 8.7.
function ban_list(found) {
    check_versioned(found, { bans: array(ban, 256) });
    const number = found.get("bans").reduce((sum, one) => sum + one.get("targets").length, 0);
    require(number <= 20000, "targets");
}

const voucher = matches(/^[0-9A-HJ-NP-Z-]{4,32}$/);

const of = (forms) => (found) => check_versioned(found, forms);
const KINDS_OF_DOCUMENT = {
    ack: of(ACK),
    "authority policy": policy,
    batch: of(BATCH),
    "ban list": ban_list,
    "bundle manifest": of(BUNDLE),
    "catalog manifest": manifest,
    checkpoint: of(CHECKPOINT),
    claim: of({ box, venue, voucher, proof: hash, nonce, csr: base64, idevid: base64 }),
    extension,
    lease,
    notice: notice_document,
    order: order_document,
    receipt: of(RECEIPT),
    renewal: of({ box, nonce, csr: base64, certificate: base64 }),
    report: of(REPORT),
    "rollout leg": of({ box, rollout: text(1, 40), version, issued_at_ms: instant }),
    voucher: of({ voucher, box, venue, secret: nonce, not_after_ms: instant }),
};

// A sound document of this kind, as a Map.
export function document(kind, raw) {
    if (kind === "entry") return entry(raw);
    const found = read(raw, BYTES_MAX[kind]);
    KINDS_OF_DOCUMENT[kind](found);
    return found;
}
