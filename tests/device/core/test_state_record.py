"""The state record: round trip, canonical, and never taken for what it is not (SPEC 6.6)."""

import json

import pytest

from device.core import events as on
from device.core import holds, orders
from device.core.memory import Memory
from device.core.state_record import StateDamagedError, encode_state, restore_state
from tests import builders
from tests.box_rig import Rig
from tests.builders import order_envelope


def full_rig() -> Rig:
    """A box that has something of everything."""
    rig = Rig()
    rig.receipt_of(order_envelope("stop"))
    rig.receipt_of(order_envelope("ban", number=2))
    rig.receipt_of(order_envelope("resume", number=3, ends=(f"{builders.REGION}-2026-000009",)))
    rig.notice(builders.notice_envelope())
    rig.give(on.RolloutReceived(raw=builders.leg_envelope()))
    head = rig.disk.head_at(1, 4)
    assert head is not None
    rig.give(on.AckReceived(raw=builders.ack_envelope(size=4, head=head.hex())))
    rig.seal(True)
    return rig


RECORD = full_rig().disk.state or b""


def memory() -> Memory:
    return Memory(builders.BOX, builders.fake_verify, lambda song: None, lambda epoch, size: None, lambda key: None)


def sealed(value: dict[str, object]) -> bytes:
    return json.dumps(value).encode()


def plain() -> dict[str, object]:
    value: dict[str, object] = json.loads(RECORD)
    return value


def test_a_record_read_and_written_again_is_the_same_but_for_what_a_boot_brings() -> None:
    rig = full_rig()
    before = plain()
    rig.restart()
    assert rig.disk.state is not None
    after = json.loads(rig.disk.state)
    for name in ("boot", "counter", "journal", "used"):
        before.pop(name)
        after.pop(name)
    assert after == before


def test_the_same_state_gives_the_same_bytes() -> None:
    one, two = memory(), memory()
    now = on.Now(mono_ms=5, rtc_ms=0)
    for found in (one, two):
        saved = restore_state(found, RECORD)
        found.clock.resume(saved.time, None, now)
    assert encode_state(one, now) == encode_state(two, now)


def test_6_6_a_record_of_a_version_with_larger_limits_is_put_back_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    for number in (1, 2):
        rig.receipt_of(order_envelope("stop", number=number))
        rig.receipt_of(order_envelope("ban", number=10 + number))
    for limit in ("HOLDS_MAX", "BANNED_MAX", "ENDINGS_MAX"):
        monkeypatch.setattr(holds, limit, 1)
    monkeypatch.setattr(orders, "KNOWN_ORDERS_MAX", 8)
    rig.restart()
    assert rig.state == "locked"
    assert len(rig.box.state_body(rig.now)["holds"]) == 4
    assert rig.receipt_of(order_envelope("stop", number=3))["code"] == "ORDER_TOO_MANY"
    assert rig.receipt_of(order_envelope("resume", number=4))["result"] == "accepted", "what is there can be ended"


@pytest.mark.parametrize("raw", [b"", b"5", b"[]", b"\xff", RECORD[:-1], RECORD + b"x", b"[" * 5_000])
def test_what_is_no_record_at_all_is_damaged(raw: bytes) -> None:
    with pytest.raises(StateDamagedError):
        restore_state(memory(), raw)


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"box": "KTV-00000002"},
        {"holds": 5},
        {"holds": [{"order": "x"}]},
        {"holds": [{**json.loads(RECORD)["holds"][0], "targets": 5}]},
        {"journal": None},
        {"journal": {"epoch": 1, "size": 1, "head": "zz"}},
        {"update": {}},
        {"claim": []},
    ],
)
def test_a_record_of_another_shape_is_not_guessed_at(changes: dict[str, object]) -> None:
    with pytest.raises(StateDamagedError):
        restore_state(memory(), sealed(plain() | changes))


@pytest.mark.parametrize("name", ["v", "restricted", "orders", "counter", "time"])
def test_a_record_that_lacks_something_is_damaged(name: str) -> None:
    value = plain()
    del value[name]
    with pytest.raises(StateDamagedError):
        restore_state(memory(), sealed(value))
