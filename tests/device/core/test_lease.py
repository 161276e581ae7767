"""Leases: asked for, taken, warned about, run out (SPEC 7.1, 7.2)."""

import pytest

from device.core import effects as do
from device.core import events as on
from device.core.lease import NONCE_FOR_MS, RENEW_AFTER_MS
from device.protocol.limits import DAY_MS, INSTANT_MAX
from device.protocol.policy import Move
from tests import builders
from tests.box_rig import Rig
from tests.builders import HOUR_MS, NOON_MS, OTHER_VENUE, STRANGER


def unleased() -> Rig:
    """Claimed, connected, and waiting for its first lease."""
    rig = Rig(in_service=False)
    rig.load_content()
    rig.give(on.Claimed(venue=builders.VENUE, region=builders.REGION))
    rig.give(on.Connected())
    return rig


def test_7_2_a_box_without_lease_refuses() -> None:
    rig = unleased()
    assert rig.play().body["code"] == "LEASE_EXPIRED"
    assert rig.state == "expired"


def test_7_1_a_lease_that_answers_the_nonce_opens_the_box() -> None:
    rig = unleased()
    rig.grant_lease()
    assert rig.play().status == 201
    assert rig.bodies("LEASE") == [
        {
            "lease": 1,
            "full_until_ms": NOON_MS + 3 * DAY_MS,
            "core_from_ms": NOON_MS + 7 * DAY_MS,
            "stop_at_ms": NOON_MS + 30 * DAY_MS,
            "extension": 0,
        }
    ]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"box": "KTV-00000002"}, "LEASE_NOT_OURS"),
        ({"venue": OTHER_VENUE}, "LEASE_NOT_OURS"),
        ({"nonce": "f" * 32}, "LEASE_NONCE"),
        ({"signers": (STRANGER,)}, "SIGNER_UNKNOWN"),
        ({"signers": (builders.ACK_KEY,)}, "SIGNER_UNKNOWN"),
    ],
)
def test_7_1_a_lease_that_is_not_accepted_changes_nothing_but_a_count(changes: dict[str, object], code: str) -> None:
    rig = unleased()
    size = rig.disk.size
    rig.grant_lease(**changes)
    assert rig.disk.size == size
    assert rig.box.state_body(rig.now)["refused"] == {code: 1}
    assert rig.box.trusted_ms(rig.now) is None


def test_7_1_without_policy_no_lease_is_believed() -> None:
    rig = Rig(in_service=False)
    rig.give(on.Claimed(venue=builders.VENUE, region=builders.REGION))
    rig.give(on.Connected())
    rig.grant_lease()
    assert rig.state == "expired"


def test_7_1_a_nonce_is_answered_once() -> None:
    rig = unleased()
    nonce = rig.report["nonce"]
    rig.grant_lease()
    rig.grant_lease(nonce=nonce, lease=2, issued_at_ms=NOON_MS + DAY_MS)
    assert rig.box.state_body(rig.now)["refused"] == {"LEASE_NONCE": 1}


def test_7_1_a_lease_with_a_lower_number_is_rejected() -> None:
    rig = Rig()
    rig.give(on.Connected())
    rig.restart()
    rig.give(on.Connected())
    rig.grant_lease(lease=1)
    assert rig.box.state_body(rig.now)["refused"] == {"LEASE_ROLLBACK": 1}


def test_10_4_a_nonce_is_sent_only_if_a_lease_is_wanted() -> None:
    rig = unleased()
    assert len(rig.report["nonce"]) == 32
    rig.grant_lease()
    assert rig.report["nonce"] == ""
    rig.wait(RENEW_AFTER_MS // 1000, tick_s=60)
    assert len(rig.report["nonce"]) == 32


def test_10_4_a_lease_that_plays_have_used_up_asks_for_the_next_at_once() -> None:
    rig = unleased()
    rig.grant_lease()
    rig.box._memory.lease.usage.plays = 10**6
    rig.wait(5)
    assert rig.play().body["code"] == "LEASE_EXPIRED"
    rig.grant_lease()
    assert rig.play().status == 201


def test_7_1_a_nonce_that_nobody_answers_is_replaced() -> None:
    """Who holds a lease back for hours must not be able to set the box's clock back by hours."""
    rig = unleased()
    first = rig.report["nonce"]
    rig.wait(NONCE_FOR_MS // 1000 - 60, tick_s=60)
    assert rig.report["nonce"] == first
    rig.wait(120, tick_s=60)
    assert rig.report["nonce"] != first


def test_7_1_a_new_session_asks_with_a_new_nonce() -> None:
    rig = unleased()
    first = rig.report["nonce"]
    rig.give(on.Disconnected())
    rig.give(on.Connected())
    assert rig.report["nonce"] != first


def test_7_2_setting_the_real_time_clock_back_lengthens_no_lease() -> None:
    rig = Rig()
    rig.rtc_ms -= 20 * DAY_MS
    rig.mono_ms += 30 * DAY_MS
    assert rig.play().body["code"] == "LEASE_EXPIRED"


def test_7_1_who_holds_the_lease_key_closes_no_venue() -> None:
    """The server may fall: its shortest lease is three days of service, and its maddest time stops no entry."""
    rig = unleased()
    last = dict.fromkeys(("full_until_ms", "core_from_ms", "stop_at_ms"), INSTANT_MAX)
    rig.grant_lease(issued_at_ms=INSTANT_MAX - 3 * DAY_MS, **last)
    assert rig.play().status == 201
    rig.mono_ms += 4 * DAY_MS
    assert rig.play().body["code"] == "LEASE_EXPIRED"
    rig.restart()
    assert rig.entries("BOOT")[-1]["at_ms"] == INSTANT_MAX
    assert rig.state == "expired"


def test_7_2_a_lease_neither_adds_nor_ends_a_hold() -> None:
    rig = Rig()
    rig.receipt_of(builders.order_envelope("stop"))
    rig.give(on.Connected())
    rig.mono_ms += RENEW_AFTER_MS
    rig.give(on.Tick())
    rig.grant_lease(issued_at_ms=NOON_MS + 6 * HOUR_MS)
    assert rig.state == "locked"


def test_4_2_a_lease_moves_no_venue_out_of_its_officers_reach() -> None:
    rig = unleased()
    rig.grant_lease(region=builders.ELSEWHERE)
    assert rig.box.state_body(rig.now)["refused"] == {"LEASE_NOT_OURS": 1}
    assert rig.receipt_of(builders.order_envelope("stop"))["code"] == ""


def test_4_2_a_policy_moves_a_region_that_changed_its_code() -> None:
    rig = Rig()
    moved = builders.policy(epoch=2, moved=(Move(region=builders.REGION, now=builders.ELSEWHERE),))
    rig.give(on.PolicyLoaded(raw=moved.encode()))
    assert rig.bodies("CLAIM")[-1] == {"venue": builders.VENUE, "region": builders.ELSEWHERE}
    assert rig.receipt_of(builders.order_envelope("stop"))["code"] == "ORDER_REGION"
    rig.give(on.PolicyLoaded(raw=moved.encode()))
    assert len(rig.bodies("CLAIM")) == 2, "said once"
    for number, region in enumerate((builders.ELSEWHERE, builders.REGION), 2):
        rig.wait(RENEW_AFTER_MS // 1000, tick_s=600)
        rig.grant_lease(lease=number, region=region)
    assert rig.box.state_body(rig.now)["lease"]["lease"] == 3, "until the server knows, the old code is as good"


def test_4_2_a_claim_for_a_region_that_has_moved_is_one_for_what_it_became() -> None:
    rig = Rig(in_service=False)
    rig.policy = builders.policy(moved=(Move(region=builders.ELSEWHERE, now=builders.REGION),))
    rig.load_content()
    rig.give(on.Claimed(venue=builders.VENUE, region=builders.ELSEWHERE))
    assert rig.box.state_body(rig.now)["region"] == builders.REGION


@pytest.mark.parametrize(("policy_epoch", "catalog_epoch", "looks"), [(1, 1, False), (2, 1, True), (1, 2, True)])
def test_7_1_a_lease_that_knows_newer_content_makes_the_box_look(
    policy_epoch: int, catalog_epoch: int, looks: bool
) -> None:
    rig = unleased()
    rig.done.clear()
    rig.grant_lease(policy_epoch=policy_epoch, catalog_epoch=catalog_epoch)
    assert any(isinstance(effect, do.LookForTargets) for effect in rig.done) is looks


def test_14_a_new_venue_voids_the_lease_and_keeps_the_holds() -> None:
    rig = Rig()
    rig.receipt_of(builders.order_envelope("stop"))
    rig.give(on.Claimed(venue=OTHER_VENUE, region=builders.REGION))
    body = rig.box.state_body(rig.now)
    assert (body["venue"], body["lease"], body["state"]) == (OTHER_VENUE, None, "locked")
    assert rig.bodies("CLAIM")[-1] == {"venue": OTHER_VENUE, "region": builders.REGION}


def test_14_the_same_venue_in_another_region_keeps_the_lease() -> None:
    rig = Rig()
    rig.give(on.Claimed(venue=builders.VENUE, region=builders.ELSEWHERE))
    body = rig.box.state_body(rig.now)
    assert (body["region"], body["lease"]["lease"]) == (builders.ELSEWHERE, 1)
    assert rig.bodies("CLAIM")[-1] == {"venue": builders.VENUE, "region": builders.ELSEWHERE}


def test_14_the_same_claim_again_keeps_the_lease() -> None:
    rig = Rig()
    before = rig.disk.counter, rig.disk.size
    for _ in range(100):
        rig.give(on.Claimed(venue=builders.VENUE, region=builders.REGION))
    assert rig.state == "in-service"
    assert (rig.disk.counter, rig.disk.size) == before, "whoever says it again uses nothing up"
