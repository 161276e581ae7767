"""Which entries may share a sync (SPEC 9.13)."""

from device.core import effects as do
from device.core import events as on
from device.core.journal import RETRY_MS, JournalEnd, Position, Stamp
from device.protocol.journal import first_chain
from device.protocol.limits import GROUP_MS_MAX
from tests import builders
from tests.box_rig import Rig

SEAL = {"open": True, "opening": 1, "at_boot": False}


def test_9_13_what_was_made_at_different_times_shares_no_sync() -> None:
    """By their stamps a start knows what a cut can have torn."""
    rig = Rig()
    plays = [rig.play(f"K{number}").body["play"] for number in range(5)]
    rig.journal_works = False
    for number, after_ms in enumerate((0, GROUP_MS_MAX, 1, GROUP_MS_MAX - 1, GROUP_MS_MAX + 1)):
        rig.mono_ms += after_ms
        rig.end(plays[number], 10)
    asked = on.JournalRecovered(
        epoch=1, size=rig.disk.size, head=rig.disk.head, counter=rig.disk.counter, damaged_at=None
    )
    rig.mono_ms += RETRY_MS
    effects = rig.box.handle(asked, rig.now)
    assert [one.is_apart for one in effects if isinstance(one, do.Append)] == [True, False, True, False, True]


def test_9_13_what_is_made_before_the_entry_in_flight_is_apart_as_well() -> None:
    end = JournalEnd(builders.BOX)
    end.open(Position(1, 0, first_chain(builders.BOX, 1)), None, None)
    made = [end.append("SEAL", SEAL, Stamp(None, "none", 0, mono_ms, 1)) for mono_ms in (9_000, 1_000, 1_000, 9_000)]
    assert [one and one.is_apart for one in made] == [True, True, False, True]
    assert made[-1] is not None
    end.kept(made[-1])
    again = end.append("SEAL", SEAL, Stamp(None, "none", 0, 9_000, 1))
    assert again is not None
    assert again.is_apart, "all before it is durable"
