"""Power cuts bring back no image that is too old, and a box that fell back to one returns by itself (SPEC 13.5)."""

import json

import pytest

from device.core import effects as do
from device.core import events as on
from device.core.epoch import RETURN_AFTER_MS
from tests.box_rig import Rig
from tests.builders import leg_envelope

RETURN_S = RETURN_AFTER_MS // 1000


def boot(rig: Rig, slot: str, version: str, security_epoch: int) -> None:
    rig.slot, rig.version, rig.security_epoch = slot, version, security_epoch
    rig.restart()


def advance(rig: Rig, *states: str) -> None:
    for state in states:
        rig.give(on.UpdateAdvanced(state=state, code=""))


def on_trial(security_epoch: int) -> Rig:
    """Version 2.0.0 in slot b, of this epoch, where epoch 1 was before."""
    rig = Rig()
    rig.give(on.RolloutReceived(raw=leg_envelope()))
    advance(rig, "written", "armed")
    boot(rig, "b", "2.0.0", security_epoch)
    return rig


def fallen_back() -> Rig:
    rig = on_trial(2)
    advance(rig, "confirmed")
    boot(rig, "a", "1.0.0", 1)
    rig.give(on.Connected())
    return rig


def floor(rig: Rig) -> int:
    assert rig.disk.state is not None
    found: int = json.loads(rig.disk.state)["security_epoch"]
    return found


@pytest.mark.parametrize(("security_epoch", "is_only"), [(1, False), (2, True)])
def test_13_5_what_confirms_a_higher_epoch_bars_the_other_slot(security_epoch: int, is_only: bool) -> None:
    rig = on_trial(security_epoch)
    advance(rig, "confirmed")
    assert do.ConfirmSlot(is_only=is_only) in rig.done
    assert floor(rig) == security_epoch


def test_13_5_a_trial_raises_no_floor_so_the_old_image_serves_after_it() -> None:
    rig = on_trial(2)
    assert floor(rig) == 1
    boot(rig, "a", "1.0.0", 1)
    assert rig.play().status == 201
    assert not rig.box.is_old


def test_13_5_an_image_that_was_written_and_boots_is_on_trial() -> None:
    """The power went between arming it and writing that down."""
    rig = Rig()
    rig.give(on.RolloutReceived(raw=leg_envelope()))
    advance(rig, "written")
    boot(rig, "b", "2.0.0", 2)
    assert rig.bodies("UPDATE")[-1]["state"] == "trial"
    assert floor(rig) == 1


def test_13_5_an_image_below_the_floor_plays_nothing_over_every_restart() -> None:
    rig = fallen_back()
    for _ in range(3):
        assert (rig.play().status, rig.play().body["code"]) == (403, "VERSION_OLD")
        assert rig.report["state"] == "failed"
        assert rig.box.is_old
        assert floor(rig) == 2
        rig.restart()
        rig.give(on.Connected())


def test_13_5_a_box_that_fell_back_returns_by_itself_and_serves() -> None:
    rig = fallen_back()
    rig.wait(RETURN_S - 1)
    assert do.Arm() not in rig.done
    rig.wait(2)
    assert rig.done.count(do.Arm()) == 1
    assert rig.give(on.UpdateAdvanced(state="armed", code=""))[-1] == do.Reboot()
    boot(rig, "b", "2.0.0", 2)
    assert rig.play().status == 201
    rig.wait(2 * RETURN_S)
    assert do.Arm() not in rig.done


def test_13_5_a_slot_that_cannot_be_armed_is_tried_again() -> None:
    rig = fallen_back()
    rig.wait(RETURN_S)
    rig.give(on.UpdateAdvanced(state="rejected", code="SLOT_FAILED"))
    rig.done.clear()
    rig.wait(RETURN_S - 1)
    assert do.Arm() not in rig.done
    rig.wait(2)
    assert do.Arm() in rig.done


def test_13_5_a_journal_that_fails_on_the_way_back_only_delays_it() -> None:
    rig = fallen_back()
    rig.wait(RETURN_S)
    rig.journal_works = False
    rig.give(on.UpdateAdvanced(state="armed", code=""))
    assert do.Reboot() not in rig.done
    rig.journal_works = True
    rig.recover_journal()
    assert do.ConfirmSlot not in [type(effect) for effect in rig.done]  # that was the other slot
    rig.done.clear()
    rig.wait(RETURN_S + 2)
    assert do.Arm() in rig.done


def test_13_5_such_a_box_takes_an_update_of_the_floor_at_least_and_no_other_while_it_returns() -> None:
    rig = fallen_back()
    effects = rig.give(on.RolloutReceived(raw=leg_envelope(rollout="r-2", version="2.1.0", issued_at_ms=rig.rtc_ms)))
    assert do.Install(rollout="r-2", version="2.1.0", security_epoch=2) in effects
    rig.wait(2 * RETURN_S)
    assert do.Arm() not in rig.done
    rig.give(on.UpdateAdvanced(state="rejected", code="CONTENT_UNREACHABLE"))
    rig.wait(1)
    assert do.Arm() in rig.done
    rig.give(on.RolloutReceived(raw=leg_envelope(rollout="r-3", version="2.2.0", issued_at_ms=rig.rtc_ms)))
    assert rig.bodies("UPDATE")[-1]["code"] == "UPDATE_BUSY"


def test_13_5_the_bar_outlives_a_restart_and_ends_with_the_next_leg() -> None:
    rig = on_trial(2)
    advance(rig, "confirmed")
    boot(rig, "b", "2.0.0", 2)
    assert rig.box.bars_other
    rig.give(on.RolloutReceived(raw=leg_envelope(rollout="r-2", version="2.1.0", issued_at_ms=rig.rtc_ms)))
    assert not rig.box.bars_other


@pytest.mark.parametrize("steps", [(), ("written",)])
def test_13_5_a_leg_that_the_other_image_took_begins_anew_and_goes_to_the_other_slot(steps: tuple[str, ...]) -> None:
    rig = on_trial(1)
    advance(rig, "confirmed")
    rig.give(on.RolloutReceived(raw=leg_envelope(rollout="r-2", version="2.1.0", issued_at_ms=rig.rtc_ms)))
    rig.play()  # nothing is armed while a room sings
    advance(rig, *steps)
    boot(rig, "a", "1.0.0", 1)
    assert do.Install(rollout="r-2", version="2.1.0", security_epoch=1) in rig.done
    assert (rig.bodies("UPDATE")[-1]["state"], rig.bodies("UPDATE")[-1]["slot"]) == ("downloading", "b")
