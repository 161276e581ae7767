"""Who had the keys of the services for a day has not used up the numbers of the next (SPEC 7.1, 7.5, 13.2)."""

from typing import Any

from device.core import effects as do
from device.core import events as on
from device.core.lease import RENEW_AFTER_MS
from device.protocol.limits import DAY_MS, INSTANT_MAX, INTEGER_MAX
from device.protocol.policy import FleetKey
from tests import builders
from tests.box_rig import Rig

GENUINE = (builders.FakeSigner("the next lease key"),)
GENUINE_ROLLOUT = (builders.FakeSigner("the next rollout key"),)


def set_right(rig: Rig) -> None:
    """The custodians name new keys for leases and rollouts."""
    keys = (("lease", GENUINE[0].key), ("ack", builders.ACK_KEY.key), ("rollout", GENUINE_ROLLOUT[0].key))
    services = tuple([FleetKey(use=use, key=key) for use, key in keys])
    rig.give(on.PolicyLoaded(raw=builders.policy(epoch=2, services=services).encode()))


def later(rig: Rig, for_ms: int) -> None:
    rig.wait(for_ms // 1000, tick_s=600)


def extend(rig: Rig, **changes: Any) -> tuple[int, str]:
    request = rig.request()
    rig.give(on.ExtensionReceived(request=request, raw=builders.extension_envelope(**changes)))
    reply = rig._reply(request)
    return reply.status, reply.body.get("code", "")


def test_7_1_a_new_lease_key_begins_its_numbers_anew() -> None:
    rig = Rig()
    rig.give(on.Connected())
    later(rig, RENEW_AFTER_MS + 60_000)
    rig.grant_lease(lease=INTEGER_MAX)
    assert rig.box.state_body(rig.now)["lease"]["lease"] == INTEGER_MAX
    set_right(rig)
    later(rig, RENEW_AFTER_MS + 60_000)
    rig.restart()
    rig.give(on.Connected())
    set_right(rig)
    rig.grant_lease(lease=2, signers=GENUINE)
    assert rig.box.state_body(rig.now)["lease"]["lease"] == 2
    later(rig, RENEW_AFTER_MS + 60_000)
    rig.grant_lease(lease=2, signers=GENUINE)
    assert rig.box.state_body(rig.now)["refused"]["LEASE_ROLLBACK"] == 1, "of one key they rise"


def test_7_5_a_new_lease_key_begins_the_extensions_anew() -> None:
    rig = Rig()
    assert extend(rig, extension=INTEGER_MAX, issued_at_ms=1, full_until_ms=2) == (200, "")
    set_right(rig)
    assert extend(rig, extension=3, signers=GENUINE) == (200, "")
    assert extend(rig, extension=3, signers=GENUINE) == (422, "LEASE_ROLLBACK")
    rig.restart()
    set_right(rig)
    assert extend(rig, extension=3, signers=GENUINE) == (422, "LEASE_ROLLBACK"), "nor after a restart"
    assert extend(rig, extension=4, signers=GENUINE) == (200, "")


def leg(rig: Rig, **changes: Any) -> bool:
    """Whether a leg is gone about."""
    effects = rig.give(on.RolloutReceived(raw=builders.leg_envelope(**changes)))
    return any(isinstance(effect, do.Install) for effect in effects)


def test_13_2_a_leg_that_is_dated_beyond_tomorrow_is_not_the_last_word() -> None:
    rig = Rig()
    assert leg(rig, rollout="thief", version="9.9.9", issued_at_ms=INSTANT_MAX)
    rig.give(on.UpdateAdvanced(state="rejected", code="UPDATE_UNTRUSTED"))
    set_right(rig)
    assert leg(rig, rollout="genuine", issued_at_ms=rig.rtc_ms, signers=GENUINE_ROLLOUT)
    rig.give(on.UpdateAdvanced(state="rejected", code="UPDATE_UNTRUSTED"))
    assert not leg(rig, rollout="older", issued_at_ms=rig.rtc_ms - 1, signers=GENUINE_ROLLOUT), "a replay"


def test_13_2_a_leg_of_today_is_the_last_word_of_today() -> None:
    rig = Rig()
    assert leg(rig, rollout="ahead", issued_at_ms=rig.rtc_ms + DAY_MS)
    rig.give(on.UpdateAdvanced(state="rejected", code="UPDATE_UNTRUSTED"))
    assert not leg(rig, rollout="older", issued_at_ms=rig.rtc_ms)
    unleased = Rig(in_service=False)
    unleased.give(on.PolicyLoaded(raw=builders.policy().encode()))
    assert leg(unleased, issued_at_ms=INSTANT_MAX)
    unleased.give(on.UpdateAdvanced(state="rejected", code="UPDATE_UNTRUSTED"))
    assert not leg(unleased, rollout="r-2"), "without any time nobody can say that the last is wrong"
