"""The update as a table, walked whole, and what the box does at each step (SPEC 13.2, 13.3)."""

import itertools

import pytest

from device.core import effects as do
from device.core import events as on
from device.core.update import TRANSITIONS, next_state
from device.protocol.updates import UPDATE_STATES
from tests import builders
from tests.box_rig import Rig
from tests.builders import NOON_MS, leg_envelope

STEPS = ("leg", "written", "armed", "confirmed", "rejected", "booted-new", "booted-old")

# By hand from SPEC 13.3; every pair that is not here is refused.
EXPECTED = {
    ("idle", "leg"): "downloading",
    ("downloading", "leg"): "downloading",
    ("downloading", "written"): "written",
    ("downloading", "rejected"): "rejected",
    ("written", "leg"): "downloading",
    ("written", "armed"): "armed",
    ("written", "rejected"): "rejected",
    ("written", "booted-new"): "trial",
    ("armed", "booted-new"): "trial",
    ("armed", "booted-old"): "rolled-back",
    ("trial", "booted-new"): "trial",
    ("trial", "booted-old"): "rolled-back",
    ("trial", "confirmed"): "confirmed",
    ("trial", "rejected"): "trial",
    ("confirmed", "leg"): "downloading",
    ("rolled-back", "leg"): "downloading",
    ("rejected", "leg"): "downloading",
}


@pytest.mark.parametrize(("state", "step"), list(itertools.product(UPDATE_STATES, STEPS)))
def test_13_3_every_pair_of_state_and_step(state: str, step: str) -> None:
    assert next_state(state, step) == EXPECTED.get((state, step))


def test_13_3_the_table_has_the_states_of_the_specification() -> None:
    assert sorted(TRANSITIONS) == sorted(UPDATE_STATES)


def advance(rig: Rig, *states: str) -> None:
    for state in states:
        rig.give(on.UpdateAdvanced(state=state, code=""))


def boot(rig: Rig, slot: str, version: str) -> None:
    rig.slot, rig.version = slot, version
    rig.restart()


def states(rig: Rig) -> list[str]:
    return [body["state"] for body in rig.bodies("UPDATE")]


def on_trial() -> Rig:
    rig = Rig()
    rig.give(on.RolloutReceived(raw=leg_envelope()))
    advance(rig, "written", "armed")
    boot(rig, "b", "2.0.0")
    return rig


def test_13_3_a_whole_update() -> None:
    rig = Rig()
    effects = rig.give(on.RolloutReceived(raw=leg_envelope()))
    assert do.Install(rollout="r-1", version="2.0.0", security_epoch=1) in effects
    assert do.Arm() in rig.give(on.UpdateAdvanced(state="written", code=""))
    assert rig.give(on.UpdateAdvanced(state="armed", code=""))[-1] == do.Reboot()
    rig.slot, rig.version = "b", "2.0.0"
    rig.lose_power()
    assert do.CheckHealth() in rig.start()
    effects = rig.give(on.UpdateAdvanced(state="confirmed", code=""))
    assert effects[0] == do.ConfirmSlot(is_only=False)
    assert states(rig) == ["downloading", "written", "armed", "trial", "confirmed"]
    assert rig.bodies("UPDATE")[-1] == {
        "rollout": "r-1",
        "version": "2.0.0",
        "slot": "b",
        "state": "confirmed",
        "code": "",
    }


def test_13_3_the_slot_is_marked_good_only_when_it_is_confirmed() -> None:
    rig = on_trial()
    assert do.ConfirmSlot(is_only=False) not in rig.done
    advance(rig, "confirmed")
    assert do.ConfirmSlot(is_only=False) in rig.done


@pytest.mark.parametrize(("slot", "version"), [("a", "1.0.0"), ("b", "1.0.0"), ("a", "2.0.0")])
def test_13_3_any_other_boot_is_rolled_back(slot: str, version: str) -> None:
    rig = Rig()
    rig.give(on.RolloutReceived(raw=leg_envelope()))
    advance(rig, "written", "armed")
    boot(rig, slot, version)
    assert states(rig)[-1] == "rolled-back"
    assert rig.bodies("UPDATE")[-1]["code"] == "UPDATE_UNHEALTHY"
    advance(rig, "confirmed")
    assert do.ConfirmSlot(is_only=False) not in rig.done


def test_13_3_an_unhealthy_trial_starts_again_until_the_other_slot_runs() -> None:
    rig = on_trial()
    effects = rig.give(on.UpdateAdvanced(state="rejected", code="UPDATE_UNHEALTHY"))
    assert effects[-1] == do.Reboot()
    boot(rig, "b", "2.0.0")
    assert states(rig)[-1] == "trial"
    boot(rig, "a", "1.0.0")
    assert states(rig)[-1] == "rolled-back"


def test_13_2_nothing_is_armed_while_a_room_sings() -> None:
    rig = Rig()
    play = rig.play("K1").body["play"]
    rig.give(on.RolloutReceived(raw=leg_envelope()))
    advance(rig, "written")
    rig.wait(10)
    assert do.Arm() not in rig.done
    rig.end(play)
    assert do.Arm() in rig.give(on.Tick())
    assert do.Arm() not in rig.give(on.Tick()), "asked once"


def test_13_2_an_armed_box_waits_for_the_last_song() -> None:
    rig = Rig()
    rig.give(on.RolloutReceived(raw=leg_envelope()))
    advance(rig, "written")
    play = rig.play("K1").body["play"]
    advance(rig, "armed")
    rig.wait(5)
    assert do.Reboot() not in rig.done
    rig.end(play)
    assert rig.give(on.Tick())[-1] == do.Reboot()
    assert do.Reboot() not in rig.give(on.Tick())


@pytest.mark.parametrize("code", ["UPDATE_UNTRUSTED", "UPDATE_DIGEST", "UPDATE_INCOMPATIBLE", "UPDATE_DOWNGRADE"])
def test_13_2_what_may_not_be_installed_is_rejected(code: str) -> None:
    rig = Rig()
    rig.give(on.RolloutReceived(raw=leg_envelope()))
    rig.give(on.UpdateAdvanced(state="rejected", code=code))
    assert (states(rig)[-1], rig.bodies("UPDATE")[-1]["code"]) == ("rejected", code)
    assert rig.report["update"] == {"rollout": "r-1", "version": "2.0.0", "state": "rejected", "code": code}


def test_an_image_that_cannot_be_fetched_now_is_asked_for_again() -> None:
    rig = Rig()
    rig.give(on.RolloutReceived(raw=leg_envelope()))
    for _ in range(3):
        rig.give(on.UpdateAdvanced(state="rejected", code="CONTENT_UNREACHABLE"))
        rig.done.clear()
        rig.wait(59)
        assert rig.done == [] or do.Install(rollout="r-1", version="2.0.0", security_epoch=1) not in rig.done
        rig.wait(1)
        assert rig.done.count(do.Install(rollout="r-1", version="2.0.0", security_epoch=1)) == 1
    assert states(rig) == ["downloading"]


def test_a_newer_leg_is_not_disturbed_by_the_second_try_of_an_older_one() -> None:
    rig = Rig()
    rig.give(on.RolloutReceived(raw=leg_envelope()))
    rig.give(on.UpdateAdvanced(state="rejected", code="CONTENT_UNREACHABLE"))
    rig.give(on.UpdateAdvanced(state="written", code=""))
    rig.done.clear()
    rig.wait(60)
    assert do.Install(rollout="r-1", version="2.0.0", security_epoch=1) not in rig.done


def test_13_3_a_loss_of_power_while_downloading_goes_on() -> None:
    rig = Rig()
    rig.give(on.RolloutReceived(raw=leg_envelope()))
    rig.lose_power()
    assert do.Install(rollout="r-1", version="2.0.0", security_epoch=1) in rig.start()


def test_13_3_a_loss_of_power_when_written_goes_on() -> None:
    rig = Rig()
    rig.play("K1")
    rig.give(on.RolloutReceived(raw=leg_envelope()))
    advance(rig, "written")
    rig.restart()
    assert do.Arm() in rig.give(on.Tick())


def test_the_same_leg_again_changes_nothing() -> None:
    rig = Rig()
    rig.give(on.RolloutReceived(raw=leg_envelope()))
    rig.done.clear()
    rig.give(on.RolloutReceived(raw=leg_envelope()))
    assert rig.done == []


def test_an_older_leg_is_a_replay() -> None:
    rig = Rig()
    rig.give(on.RolloutReceived(raw=leg_envelope(rollout="r-2")))
    rig.give(on.RolloutReceived(raw=leg_envelope(rollout="r-1", issued_at_ms=NOON_MS - 1)))
    assert len(states(rig)) == 1


def test_a_newer_leg_replaces_one_that_is_under_way() -> None:
    rig = Rig()
    rig.give(on.RolloutReceived(raw=leg_envelope()))
    effects = rig.give(on.RolloutReceived(raw=leg_envelope(rollout="r-2", version="2.1.0")))
    assert do.Install(rollout="r-2", version="2.1.0", security_epoch=1) in effects


def test_13_3_a_leg_during_a_trial_is_refused_aloud_and_within_bounds() -> None:
    rig = on_trial()
    for number in range(30):
        rig.give(on.RolloutReceived(raw=leg_envelope(rollout=f"r-{number + 2}")))
    refused = [body for body in rig.bodies("UPDATE") if body["code"] == "UPDATE_BUSY"]
    assert len(refused) == 20
    assert rig.box.state_body(rig.now)["update"]["state"] == "trial"
    assert rig.box.state_body(rig.now)["refused"]["UPDATE_BUSY"] == 30


def test_13_3_a_step_that_does_not_fit_is_counted_and_changes_nothing() -> None:
    rig = Rig()
    advance(rig, "confirmed")
    assert states(rig) == []
    assert do.ConfirmSlot(is_only=False) not in rig.done
    assert rig.box.state_body(rig.now)["refused"] == {"UPDATE_BUSY": 1}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"signers": (builders.LEASE_KEY,)}, "SIGNER_UNKNOWN"),
        ({"box": "KTV-00000002"}, "LEASE_NOT_OURS"),
    ],
)
def test_13_2_a_leg_must_be_signed_and_for_this_box(changes: dict[str, object], code: str) -> None:
    rig = Rig()
    rig.give(on.RolloutReceived(raw=leg_envelope(**changes)))  # type: ignore[arg-type] # fields of many types
    assert states(rig) == []
    assert rig.box.state_body(rig.now)["refused"] == {code: 1}


def test_without_policy_no_leg_is_believed() -> None:
    rig = Rig(in_service=False)
    rig.give(on.RolloutReceived(raw=leg_envelope()))
    assert states(rig) == []
