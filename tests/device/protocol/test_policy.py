"""SPEC 5.2, 5.3: who may sign what."""

from typing import Any

import pytest

from device.protocol.errors import MalformedError
from device.protocol.policy import AuthorityPolicy, FleetKey, Move, ScopeLimit
from tests.device.protocol.builders import ACK_KEY, CHEN, LEASE_KEY, LI, STRANGER, ZHANG, ZHANG_AT_HOME, person, policy


def test_5_2_a_policy_is_read_as_it_was_written() -> None:
    assert AuthorityPolicy.decode(policy().encode()) == policy()


def test_5_2_a_policy_answers_whose_key_it_is() -> None:
    zhang, li, *_ = policy().persons
    assert policy().person_of(ZHANG_AT_HOME.key.keyid) == zhang
    assert policy().person_of(STRANGER.key.keyid) is None
    assert policy().persons_of([LI.key.keyid, ZHANG.key.keyid, ZHANG_AT_HOME.key.keyid]) == [zhang, li]
    assert policy().officers_keys()[CHEN.key.keyid] == CHEN.key
    assert LEASE_KEY.key.keyid not in policy().officers_keys()


def test_5_2_a_policy_answers_which_key_serves_what() -> None:
    assert policy().service_keys("lease") == [LEASE_KEY.key]
    assert policy().service_keys("order") == []


@pytest.mark.parametrize(("level", "most", "regions"), [(1, 1_000_000, True), (3, None, False), (4, 2, False)])
def test_5_2_a_policy_answers_how_much_a_level_may(level: int, most: int | None, regions: bool) -> None:
    assert policy().venues_max(level) == most
    assert policy().allows_regions(level) is regions


@pytest.mark.parametrize(
    "change",
    [
        {"persons": (*policy().persons, person("zhang", "310101", ()))},
        {"persons": (*policy().persons, person("zhang2", "310101", (), ZHANG.key))},
        {"persons": (*policy().persons, person("qian", "310101", (), STRANGER.key, STRANGER.key))},
        {"persons": (*policy().persons, person("qian", "310101", (), LEASE_KEY.key))},
        {"services": (*policy().services, FleetKey(use="rollout", key=ACK_KEY.key))},
        {"moved": (Move(region="310102", now="310101"), Move(region="310102", now="310103"))},
        {"limits": (ScopeLimit(level=4, venues_max=2), ScopeLimit(level=4, venues_max=1_000_000))},
    ],
)
def test_5_3_what_stands_twice_makes_a_policy_malformed(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError, match="twice"):
        policy().replace(**change).encode()


def test_4_2_a_policy_answers_what_became_of_a_region() -> None:
    moved = policy().replace(moved=(Move(region="310103", now="310101"), Move(region="310102", now="310101")))
    found = AuthorityPolicy.decode(moved.encode())
    assert [found.region_now(region) for region in ("310102", "310103", "310101", "310000")] == ["310101"] * 3 + [
        "310000"
    ]


@pytest.mark.parametrize("now", ["310102", "310103"])
def test_5_3_a_region_that_has_moved_is_no_place_to_move_to(now: str) -> None:
    moved = (Move(region="310102", now=now), Move(region="310103", now="310101"))
    with pytest.raises(MalformedError, match="has moved"):
        policy().replace(moved=moved).encode()
