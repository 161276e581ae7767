"""SPEC 10: batches, acks, reports; SPEC 11: topics."""

import json
from typing import Any

import pytest

from device.protocol import topics
from device.protocol.errors import MalformedError
from device.protocol.limits import BATCH_ENTRIES_MAX, ENTRY_BYTES_MAX
from device.protocol.uplink import Ack, Batch, Report
from tests.device.protocol.builders import BOX, ack, batch, checkpoint, entries, report


def test_10_1_a_batch_keeps_the_exact_bytes() -> None:
    texts = [*entries(3), b'{ "odd" : "\xe4\xb8\xad" }']
    raw = batch(texts).encode()
    again = Batch.decode(raw)
    assert (again.box, again.epoch, again.first, again.size) == (BOX, 1, 0, 4)
    assert list(again.entries) == texts
    assert again.checkpoint.payload == checkpoint(texts).encode()
    assert again.encode() == raw


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"v": 2}, "DOCUMENT_VERSION"),
        ({"v": True}, "DOCUMENT_VERSION"),
        ({"box": "X"}, "DOCUMENT_MALFORMED"),
        ({"from": -1}, "DOCUMENT_MALFORMED"),
        ({"epoch": 1 << 32}, "DOCUMENT_MALFORMED"),
        ({"entries": []}, "DOCUMENT_MALFORMED"),
        ({"entries": [""]}, "DOCUMENT_MALFORMED"),
        ({"entries": [1]}, "DOCUMENT_MALFORMED"),
        ({"entries": ["中" * (ENTRY_BYTES_MAX // 3 + 1)]}, "DOCUMENT_MALFORMED"),
        ({"entries": ["{}"] * (BATCH_ENTRIES_MAX + 1)}, "DOCUMENT_MALFORMED"),
        ({"checkpoint": {}}, "DOCUMENT_MALFORMED"),
        ({"size": 3}, "DOCUMENT_MALFORMED"),
    ],
)
def test_10_1_a_malformed_batch(change: dict[str, Any], code: str) -> None:
    value = json.loads(batch(entries(3)).encode()) | change
    with pytest.raises(MalformedError) as caught:
        Batch.decode(json.dumps(value).encode())
    assert caught.value.code == code


def test_10_1_the_checkpoint_of_a_batch_is_a_checkpoint() -> None:
    value = json.loads(batch(entries(3)).encode())
    value["checkpoint"]["payloadType"] = "application/vnd.frontbox.report.v1+json"
    with pytest.raises(MalformedError, match="ENVELOPE_TYPE"):
        Batch.decode(json.dumps(value).encode())


@pytest.mark.parametrize("texts", [[], entries(1) * (BATCH_ENTRIES_MAX + 1), [b"x" * ENTRY_BYTES_MAX] * 130])
def test_10_1_a_batch_beyond_its_bounds_is_not_written(texts: list[bytes]) -> None:
    sealed = batch(entries(1)).checkpoint
    with pytest.raises(MalformedError, match="DOCUMENT_TOO_LARGE"):
        Batch(BOX, 1, 0, tuple(texts), sealed).encode()


def test_10_3_an_ack_is_read_as_it_was_written() -> None:
    assert Ack.decode(ack().encode()) == ack()


@pytest.mark.parametrize(
    "change",
    [{}, {"venue": "", "nonce": "", "update": None, "at_ms": None, "tq": "none", "refused": {}, "holds": ()}],
)
def test_10_4_a_report_is_read_as_it_was_written(change: dict[str, Any]) -> None:
    assert Report.decode(report(**change).encode()) == report(**change)


@pytest.mark.parametrize(
    "change",
    [
        {"venue": "X"},
        {"nonce": "0" * 31},
        {"refused": []},
        {"refused": {"venue_locked": 1}},
        {"refused": {"VENUE_LOCKED": -1}},
        {"refused": {f"CODE_{n}": 1 for n in range(65)}},
        {"rooms_busy": 401},
        {"state": "unlocked"},
    ],
)
def test_10_4_a_report_beyond_its_bounds_is_not_written(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        report(**change).encode()


def test_11_1_what_goes_up() -> None:
    assert topics.up(BOX, "journal") == "v1/up/KTV-00A1/journal"
    assert {kind: topics.parse_up(topics.up(BOX, kind)) for kind in topics.UP_KINDS} == {
        kind: (BOX, kind) for kind in topics.UP_KINDS
    }


@pytest.mark.parametrize(
    "topic",
    ["", "v1/up/KTV-00A1", "v1/up/KTV-00A1/order", "v2/up/KTV-00A1/journal", "v1/dn/KTV-00A1/journal",
     "v1/up/KTV-00A1/journal/", "v1/up/+/journal", "v1/up//journal", "v1/up/all/journal"],
)  # fmt: skip
def test_11_1_what_does_not_go_up(topic: str) -> None:
    assert topics.parse_up(topic) is None


def test_11_2_what_goes_down() -> None:
    for kind in topics.DOWN_KINDS:
        assert topics.down_kind(topics.down(BOX, kind), BOX) == kind
        assert topics.down_kind(topics.down("KTV-00A2", kind), BOX) == ""
        assert topics.down_kind(topics.down_all(kind), BOX) == (kind if kind in topics.ALL_KINDS else "")
    assert topics.down_kind("v1/up/KTV-00A1/order", BOX) == ""
    assert topics.down_kind("v1/dn/KTV-00A1", BOX) == ""


def test_11_3_a_box_listens_to_itself_and_to_all() -> None:
    assert topics.subscriptions(BOX) == ["v1/dn/KTV-00A1/+", "v1/dn/all/+"]


@pytest.mark.parametrize(("refusals", "most"), [(0, 5), (1, 10), (7, 640), (8, 900), (1_000_000, 900)])
def test_11_4_a_box_waits_longer_and_longer_by_chance_as_often_as_it_is_told_no(refusals: int, most: int) -> None:
    assert topics.connect_wait_s(refusals, 1.0) == most
    assert topics.connect_wait_s(refusals, 0.0) == 0
    assert topics.connect_wait_s(refusals, 0.5) == most / 2
