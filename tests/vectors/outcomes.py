"""What our readers make of a golden vector, as plain JSON values; on CPython and MicroPython alike.

    outcome = outcomes.of("orders", vector, verify)
    assert outcome == vector["expect"]

A rejection is `{"code": CODE}`. What else an outcome holds is told in README.md, file by file.
"""

import binascii
import hashlib

from device.core import effects, events
from device.core.box import Box
from device.protocol import (
    bans,
    catalog,
    catalog_table,
    enrolment,
    envelope,
    journal,
    lease,
    notices,
    orders,
    policy,
    receipts,
    root_keys,
    topics,
    updates,
    uplink,
)
from device.protocol.codec import dumps, loads
from device.protocol.errors import ProtocolError
from device.protocol.keys import Key
from device.protocol.regions import contains, is_region, level
from device.protocol.serial_frame import FrameReader
from device.protocol.venue_code import require_venue_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from device.protocol.keys import Verify

JSON_BYTES_MAX = 65_536
BOX = "KTV-00A1"
NOW = events.Now(mono_ms=60_000, rtc_ms=1_795_000_000_000)
DOCUMENTS = {
    "ack": uplink.Ack,
    "authority policy": policy.AuthorityPolicy,
    "batch": uplink.Batch,
    "ban list": bans.BanList,
    "bundle manifest": updates.BundleManifest,
    "catalog manifest": catalog.CatalogManifest,
    "checkpoint": journal.Checkpoint,
    "claim": enrolment.Claim,
    "entry": journal.Entry,
    "extension": lease.Extension,
    "lease": lease.Lease,
    "notice": notices.Notice,
    "order": orders.Order,
    "receipt": receipts.Receipt,
    "renewal": enrolment.Renewal,
    "report": uplink.Report,
    "rollout leg": updates.RolloutLeg,
    "voucher": enrolment.Voucher,
}


def of(file: str, vector: "dict[str, Any]", verify: "Verify") -> "Any":
    """The outcome of one vector of the file of this name (without `.json`)."""
    try:
        return READERS[file](vector, verify)
    except ProtocolError as error:
        return {"code": error.code}


def bytes_of(vector: "dict[str, Any]") -> bytes:
    """The input: `text` in UTF-8, `hex`, or `runs` of bytes that are repeated, with or without a number in them."""
    if "text" in vector:
        return bytes(vector["text"].encode())
    if "hex" in vector:
        return bytes(binascii.unhexlify(vector["hex"]))
    return b"".join([_run(part) for part in vector["runs"]])


def _run(part: "dict[str, Any]") -> bytes:
    before = bytes(binascii.unhexlify(part["hex"]))
    if "behind" not in part:
        return before * int(part["times"])
    behind = bytes(binascii.unhexlify(part["behind"]))
    return b"".join([before + b"%06d" % number + behind for number in range(part["times"])])


def _json(vector: "dict[str, Any]", _verify: "Verify") -> "Any":
    return {"canonical": dumps(loads(bytes_of(vector), JSON_BYTES_MAX)).decode()}


def _document(vector: "dict[str, Any]", _verify: "Verify") -> "Any":
    kind: Any = DOCUMENTS[vector["kind"]]
    return {"canonical": kind.decode(bytes_of(vector)).encode().decode()}


def _envelope(vector: "dict[str, Any]", verify: "Verify") -> "Any":
    keys = [Key.from_plain(key, "key") for key in vector["keys"]]
    found = envelope.parse_envelope(bytes_of(vector), vector["name_expected"])
    keyids = envelope.verified_keyids(found, {key.keyid: key for key in keys}, verify)
    return {"document": found.document, "keyids": keyids, "payload": found.payload.decode()}


def _order(vector: "dict[str, Any]", verify: "Verify") -> "Any":
    trust = policy.AuthorityPolicy.decode(vector["policy"].encode())
    accepted = orders.accept_order(bytes_of(vector), trust, verify, vector["region"])
    persons = sorted([person.person for person in accepted.persons])
    return {"order": accepted.order.order, "document": accepted.document, "persons": persons}


def _notice(vector: "dict[str, Any]", verify: "Verify") -> "Any":
    trust = policy.AuthorityPolicy.decode(vector["policy"].encode())
    accepted = notices.accept_notice(bytes_of(vector), trust, verify, vector["region"])
    return {"notice": accepted.notice.notice, "document": accepted.document}


def _extension(vector: "dict[str, Any]", verify: "Verify") -> "Any":
    trust = policy.AuthorityPolicy.decode(vector["policy"].encode())
    found = lease.accept_extension(bytes_of(vector), trust, verify, vector["region"], _last(trust, vector))[0]
    return {"extension": found.extension, "full_until_ms": found.full_until_ms}


def _lease(vector: "dict[str, Any]", verify: "Verify") -> "Any":
    trust = policy.AuthorityPolicy.decode(vector["policy"].encode())
    box, venue, region, nonce = [vector[name] for name in ("box", "venue", "region", "nonce")]
    last = _last(trust, vector)
    return {"lease": lease.accept_lease(bytes_of(vector), trust, verify, box, (venue, region), nonce, last)[0].lease}


def _last(trust: "policy.AuthorityPolicy", vector: "dict[str, Any]") -> "tuple[str, int]":
    """Of a vector's `last`: it was of the policy's lease key."""
    return trust.service_keys("lease")[0].keyid, vector["last"]


def _chain(vector: "dict[str, Any]", _verify: "Verify") -> "Any":
    if "missing" in vector:
        place = [vector[name] for name in ("box", "epoch", "missing", "seq")]
        return {"chain": [journal.chain_behind_gap(*place).hex()]}
    previous = bytes(binascii.unhexlify(vector["previous_head"]))
    chain = journal.first_chain(vector["box"], vector["epoch"], previous, vector["previous_size"])
    found = [chain.hex()]
    for seq, text in enumerate(vector["entries"]):
        chain = journal.next_chain(chain, seq, text.encode())
        found.append(chain.hex())
    return {"chain": found}


def _frames(vector: "dict[str, Any]", _verify: "Verify") -> "Any":
    """Frames from the start of the bytes as far as they are whole."""
    data = bytes_of(vector)
    found: list[Any] = []
    offset = 0
    while True:
        parsed = journal.parse_frame(data, offset)
        if parsed is None:
            return {"frames": found, "end": offset}
        entry, chain, offset = parsed
        found.append({"entry": entry.decode(), "chain": chain.hex()})


def claimed_box(policy: str, venue: str, region: str, verify: "Verify") -> Box:
    """A new box in the venue, with no lease yet: it has no trusted time, so no order is too old."""
    started = events.Started(
        version="1.4.0",
        security_epoch=1,
        slot="a",
        clean=True,
        torn_bytes=0,
        torn_sha256="",
        counter=0,
        seed=bytes(32),
        journal_epoch=1,
        journal_first=0,
        journal_size=0,
        journal_head=journal.first_chain(BOX, 1),
        journal_damaged_at=None,
        last_at_ms=None,
        last_boot=0,
        open_plays=[],
        ended_plays=[],
        state=None,
    )
    box = Box(BOX, verify, lambda song: None, lambda epoch, size: None, lambda key: None)
    for event in (started, events.PolicyLoaded(raw=policy.encode()), events.Claimed(venue=venue, region=region)):
        box.handle(event, NOW)
    return box


def _holds(vector: "dict[str, Any]", verify: "Verify") -> "Any":
    box = claimed_box(vector["policy"], vector["venue"], vector["region"], verify)
    found = []
    for text in vector["orders"]:
        told = box.handle(events.OrderReceived(request="r1", raw=text.encode()), NOW)
        signed = [effect for effect in told if isinstance(effect, (effects.ReplySigned, effects.Send))]
        receipt = loads(next(effect.payload for effect in signed if effect.kind == "receipt"), JSON_BYTES_MAX)
        found.append({name: receipt[name] for name in ("result", "code", "holds")})
    return {"receipts": found, "is_locked": box.state_body(NOW)["state"] == "locked"}


def _batch(vector: "dict[str, Any]", verify: "Verify") -> "Any":
    """Of a batch by itself: that it is one, and whether its checkpoint is the box's. The rest asks a memory."""
    batch = uplink.Batch.decode(bytes_of(vector))
    envelope.require_signature(batch.checkpoint, [Key.from_plain(vector["key"], "key")], verify)
    return {"from": batch.first, "size": batch.size}


def _catalog(vector: "dict[str, Any]", _verify: "Verify") -> "Any":
    data = bytes_of(vector)
    table = catalog_table.read_table(data)
    layout = table.layout
    scopes = catalog_table.read_scopes(data[layout.scopes_at : layout.pages_at])
    by_file = [table.find_by_file(catalog.file_key(file)) for file in vector["files"]]
    return {
        "entries": layout.entries,
        "epoch": layout.epoch,
        "sha256": hashlib.sha256(data).digest().hex(),
        "pages_sha256": hashlib.sha256(data[layout.pages_at :]).digest().hex(),
        "songs": [_row_plain(table.find(song), scopes) for song in vector["songs"]],
        "files": [row and catalog.SongRecord(row).song for row in by_file],
    }


def _row_plain(row: "bytes | None", scopes: "catalog_table.Scopes") -> "Any":
    return None if row is None else song_plain(catalog.SongRecord(row, scopes))


def song_plain(found: "catalog.SongRecord | None") -> "Any":
    if found is None:
        return None
    return {
        "song": found.song,
        "work_key": found.work_key.hex(),
        "file_key": found.file_key.hex(),
        "picture_key": found.picture_key.hex(),
        "regions": None if found.regions is None else list(found.regions),
        "not_before": found.not_before,
        "not_after": found.not_after,
        "duration_s": found.duration_s,
        "flags": found.flags,
    }


def _boot_block(vector: "dict[str, Any]", _verify: "Verify") -> "Any":
    state = updates.decode_boot_block(bytes_of(vector))
    if state is None:
        return None
    boot = updates.next_boot(state)
    # A block need not have our sequence of lines, so the state itself is compared, and the next one as a block.
    return {"state": state.plain(), "boots": boot and boot[0], "then": boot and boot[1].plain()}


def _serial(vector: "dict[str, Any]", _verify: "Verify") -> "Any":
    reader = FrameReader()
    found = []
    for piece in vector["pieces"]:
        found.extend([payload.hex() for payload in reader.feed(binascii.unhexlify(piece["hex"]), piece["at_ms"])])
    return {"payloads": found, "dropped_bytes": reader.dropped_bytes}


def _venue_code(vector: "dict[str, Any]", _verify: "Verify") -> "Any":
    return {"venue": require_venue_code(vector["text"])}


def _region(vector: "dict[str, Any]", _verify: "Verify") -> "Any":
    if not is_region(vector["region"]):
        return None
    inside = [other for other in vector["others"] if contains(vector["region"], other)]
    return {"level": level(vector["region"]), "contains": inside}


def _root(vector: "dict[str, Any]", _verify: "Verify") -> "Any":
    root_keys.require_distinct_keys(vector["signed"])
    return {"sound": True}


def _claim_proof(vector: "dict[str, Any]", _verify: "Verify") -> "Any":
    csr = binascii.unhexlify(vector["csr"])
    return {"proof": enrolment.claim_proof(vector["secret"], vector["nonce"], csr, vector["box"], vector["venue"])}


def _topic(vector: "dict[str, Any]", _verify: "Verify") -> "Any":
    up = topics.parse_up(vector["topic"])
    return {"up": list(up) if up else None, "down": topics.down_kind(vector["topic"], vector["box"])}


READERS = {
    "batches": _batch,
    "boot_blocks": _boot_block,
    "catalogs": _catalog,
    "chains": _chain,
    "claim_proofs": _claim_proof,
    "documents": _document,
    "entries": _document,
    "envelopes": _envelope,
    "frames": _frames,
    "holds": _holds,
    "json": _json,
    "leases": _lease,
    "extensions": _extension,
    "notices": _notice,
    "orders": _order,
    "regions": _region,
    "root_keys": _root,
    "serial_frames": _serial,
    "topics": _topic,
    "venue_codes": _venue_code,
}
