"""SPEC 7.1: leases."""

from typing import Any

import pytest

from device.crypto.p256 import verify
from device.protocol.envelope import seal
from device.protocol.errors import MalformedError, ProtocolError
from device.protocol.lease import Lease, accept_extension, accept_lease
from device.protocol.limits import (
    DAY_MS,
    EXTENSION_FOR_MS_MAX,
    LEASE_FOR_MS_MAX,
    LEASE_FULL_FOR_MS_MIN,
    LEASE_PLAYS_MIN,
    LEASE_POWERED_S_MIN,
)
from tests.device.protocol.builders import (
    ACK_KEY,
    BOX,
    LEASE_KEY,
    NONCE,
    NOW_MS,
    OTHER_VENUES,
    REGION,
    VENUE,
    ZHANG,
    FixedKey,
    extension,
    lease,
    policy,
)


def code_of(document: Lease, signer: FixedKey = LEASE_KEY, nonce: str = NONCE, last: int = 6) -> str:
    raw = seal("lease", document.encode(), [signer]).encode()
    try:
        found = accept_lease(raw, policy(), verify, BOX, (VENUE, REGION), nonce, (LEASE_KEY.key.keyid, last))
        assert found == (document, signer.key.keyid)
    except ProtocolError as error:
        return error.code
    return ""


def test_7_1_a_lease_that_answers_the_box_is_accepted() -> None:
    assert code_of(lease()) == ""


@pytest.mark.parametrize("signer", [ZHANG, ACK_KEY])
def test_7_1_only_the_lease_key_signs_leases(signer: FixedKey) -> None:
    assert code_of(lease(), signer) == "SIGNER_UNKNOWN"


@pytest.mark.parametrize("change", [{"box": "KTV-00A2"}, {"venue": OTHER_VENUES[0]}, {"region": "310102"}])
def test_7_1_a_lease_is_for_one_box_in_one_venue(change: dict[str, Any]) -> None:
    assert code_of(lease(**change)) == "LEASE_NOT_OURS"


def test_7_1_a_lease_answers_the_last_nonce() -> None:
    assert code_of(lease(), nonce="0" * 32) == "LEASE_NONCE"
    assert code_of(lease(), nonce="") == "LEASE_NONCE"


@pytest.mark.parametrize("last", [7, 8])
def test_7_1_a_lease_is_above_the_last(last: int) -> None:
    assert code_of(lease(), last=last) == "LEASE_ROLLBACK"


@pytest.mark.parametrize(
    "change",
    [
        {"full_until_ms": NOW_MS},
        {"full_until_ms": NOW_MS + LEASE_FULL_FOR_MS_MIN - 1},
        {"full_until_ms": NOW_MS + 5 * DAY_MS, "stop_at_ms": NOW_MS + 5 * DAY_MS - 1},
        {"stop_at_ms": NOW_MS + LEASE_FOR_MS_MAX + 1},
        {"core_from_ms": NOW_MS + 3 * DAY_MS - 1},
        {"core_from_ms": NOW_MS + 12 * DAY_MS},
        {"powered_s_max": LEASE_POWERED_S_MIN - 1},
        {"plays_max": LEASE_PLAYS_MIN - 1},
        {"lease": 0},
        {"nonce": ""},
    ],
)
def test_7_1_a_lease_that_contradicts_itself_is_not_written(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        lease(**change).encode()


def test_7_1_the_longest_lease_is_a_lease() -> None:
    last_ms = NOW_MS + LEASE_FOR_MS_MAX
    longest = lease(full_until_ms=last_ms, core_from_ms=last_ms, stop_at_ms=last_ms)
    assert Lease.decode(longest.encode()) == longest


@pytest.mark.parametrize(
    ("changes", "region", "last", "code"),
    [
        ({}, REGION, 4, ""),
        ({"region": REGION}, REGION, 0, ""),
        ({"region": "310102"}, REGION, 0, "LEASE_NOT_OURS"),
        ({}, "110101", 0, "LEASE_NOT_OURS"),
        ({}, REGION, 5, "LEASE_ROLLBACK"),
    ],
)
def test_7_5_an_extension_is_for_a_region_and_taken_once(
    changes: dict[str, Any], region: str, last: int, code: str
) -> None:
    raw = seal("extension", extension(**changes).encode(), [LEASE_KEY]).encode()
    if code:
        with pytest.raises(ProtocolError, match=code):
            accept_extension(raw, policy(), verify, region, (LEASE_KEY.key.keyid, last))
    else:
        last_one = LEASE_KEY.key.keyid, last
        assert accept_extension(raw, policy(), verify, region, last_one) == (extension(**changes), last_one[0])


@pytest.mark.parametrize("until_ms", [NOW_MS, NOW_MS + EXTENSION_FOR_MS_MAX + 1])
def test_7_5_an_extension_has_a_bounded_length(until_ms: int) -> None:
    with pytest.raises(MalformedError):
        extension(full_until_ms=until_ms).encode()
