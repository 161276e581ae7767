"""Readers of device/protocol: whatever a fleet server, a courier, a VOD server or a disk may hand over."""

import base64
import binascii
import json
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from device.protocol import (
    catalog,
    catalog_table,
    envelope,
    journal,
    keys,
    notices,
    orders,
    root_keys,
    serial_frame,
    topics,
    updates,
)
from device.protocol.codec import dumps, loads
from device.protocol.errors import MalformedError
from device.protocol.limits import ENTRY_BYTES_MAX, SERIAL_PAYLOAD_BYTES_MAX
from device.protocol.venue_code import require_venue_code
from tests.device.protocol.builders import LI, REGION, ZHANG, FixedKey, policy
from tests.fuzz.parser import VECTORS, Parser, Read, vectors
from tests.vectors.outcomes import DOCUMENTS, JSON_BYTES_MAX

_POLICY = policy()
_SIGNERS = (ZHANG, LI)


def _json(raw: bytes) -> None:
    value = loads(raw, JSON_BYTES_MAX)
    assert loads(dumps(value), 2 * JSON_BYTES_MAX) == value


def _document(kind: str) -> Parser:
    reader: Any = DOCUMENTS[kind]

    def read(raw: bytes) -> None:
        document = reader.decode(raw)
        assert json.loads(document.encode()) == json.loads(raw), "what is kept is not what came"

    file = "entries" if kind == "entry" else "documents"
    return Parser(kind.replace(" ", "_"), lambda: vectors(file, kind), lambda: read)


def _envelope(raw: bytes) -> None:
    found = envelope.parse_envelope(raw, "order")
    known = [keys.Key.from_plain(key.key.plain(), "key") for key in _SIGNERS]
    envelope.verified_keyids(found, {key.keyid: key for key in known}, lambda *_: True)


def _sealed(name: str, payload: bytes, *signers: FixedKey) -> bytes:
    """An envelope around any payload, with signatures that count."""
    signatures = [{"keyid": one.key.keyid, "sig": base64.b64encode(bytes(64)).decode()} for one in signers]
    fields = {"payload": base64.b64encode(payload).decode(), "payloadType": envelope.payload_type(name)}
    return json.dumps(fields | {"signatures": signatures}).encode()


def _accepted_order(raw: bytes) -> None:
    orders.accept_order(_sealed("order", raw, *_SIGNERS), _POLICY, lambda *_: True, REGION)


def _accepted_notice(raw: bytes) -> None:
    notices.accept_notice(_sealed("notice", raw, ZHANG), _POLICY, lambda *_: True, REGION)


def _root(raw: bytes) -> None:
    root_keys.require_distinct_keys(loads(raw, JSON_BYTES_MAX))


def _topic(raw: bytes) -> None:
    topic = raw.decode("utf-8", "replace")
    topics.parse_up(topic)
    topics.down_kind(topic, "KTV-00A1")


def _frames(raw: bytes) -> None:
    at = 0
    while (found := journal.parse_frame(raw, at)) is not None:
        entry, chain, at = found
        assert journal.parse_frame(journal.frame(entry, chain)) is not None
        journal.entry_position(entry)


def _summed_frame(raw: bytes) -> None:
    """Behind a checksum that fits: what stands in an entry that somebody wrote on purpose."""
    _frames(journal.frame(raw[:ENTRY_BYTES_MAX], bytes(32)))


def _serial(raw: bytes) -> None:
    """In pieces, with waits; nothing beyond one frame is kept."""
    reader, now_ms, taken = serial_frame.FrameReader(), 0, 0
    step = 1 + len(raw) % 97
    for at in range(0, len(raw), step):
        now_ms += 250 if at % 5 == 4 else 1
        taken += sum(len(payload) for payload in reader.feed(raw[at : at + step], now_ms))
    assert taken + reader.dropped_bytes <= len(raw)
    assert len(reader._buffer) <= SERIAL_PAYLOAD_BYTES_MAX + 8


def _serial_seeds() -> list[bytes]:
    payloads = [b'{"id":1,"op":"state"}', b"\xfb\x01" * 20, b"x" * SERIAL_PAYLOAD_BYTES_MAX]
    return [serial_frame.frame(payload) for payload in payloads] + [b"\xfb\x01\x00", b"\xfb\x01\x00\x05abc"]


_TABLE_ROWS = [catalog.row_of(f"S{number}", f"W{number}", file=f"{number:064x}", scope=1) for number in range(9)]


def _table(raw: bytes) -> None:
    """As it came, and behind page hashes that fit: what two custodians might sign by mistake."""
    with suppress(MalformedError):
        catalog_table.read_table(raw)
    body = raw[: -catalog_table.HASH_BYTES]
    table = catalog_table.read_table(body + catalog_table.page_hashes(body))
    catalog_table.read_scopes(body[table.layout.scopes_at : table.layout.pages_at])
    for song in ("S1", "S8", "", "no such song", "x" * 30):
        assert table.find(song) in (None, *table.rows())
    table.find_by_file(bytes(15) + b"\x03")


def _tables() -> list[bytes]:
    scopes = ((), ("110000", "310101"))
    return [catalog_table.build(2, _TABLE_ROWS[:count], scopes) for count in (0, 1, 9)]


def _boot_block(raw: bytes) -> None:
    updates.decode_boot_block(raw)
    body = raw[4:].ljust(updates.BOOT_BLOCK_BYTES - 4, b"\0")[: updates.BOOT_BLOCK_BYTES - 4]
    state = updates.decode_boot_block(struct.pack(">I", binascii.crc32(body)) + body)
    assert state is None or updates.decode_boot_block(state.encode()) == state


def _roots() -> list[bytes]:
    return [json.dumps(one["signed"]).encode() for one in json.loads((VECTORS / "root_keys.json").read_text())]


def _topics() -> list[bytes]:
    return [one["topic"].encode() for one in json.loads((VECTORS / "topics.json").read_text())]


def _of(name: str, read: Read, seeds: Callable[[], list[bytes]], share: int = 100) -> Parser:
    return Parser(name, seeds, lambda: read, share=share)


def _payloads(kind: str) -> Callable[[], list[bytes]]:
    return lambda: vectors("documents", kind)


PARSERS = [
    _of("json", _json, lambda: vectors("json"), share=300),
    *[_document(kind) for kind in DOCUMENTS],
    _of("envelope", _envelope, lambda: vectors("envelopes")),
    _of("accepted_order", _accepted_order, _payloads("order"), share=40),
    _of("accepted_notice", _accepted_notice, _payloads("notice"), share=40),
    _of("root_keys", _root, _roots),
    _of("topic", _topic, _topics, share=50),
    _of(
        "venue_code",
        lambda raw: require_venue_code(raw.decode("utf-8", "replace")),
        lambda: vectors("venue_codes"),
        share=50,
    ),
    _of("frames", _frames, lambda: vectors("frames")),
    _of("summed_frame", _summed_frame, lambda: vectors("entries")),
    _of("serial_frames", _serial, _serial_seeds, share=50),
    _of("catalog_table", _table, _tables),
    _of("boot_block", _boot_block, lambda: vectors("boot_blocks"), share=50),
]
