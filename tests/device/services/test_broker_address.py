"""Where a broker is looked for when a renewal has named one that gives no lease (SPEC 14.4)."""

from typing import Any

import pytest

from device.services.broker_address import SILENT_FOR_S, TRIES_MAX, Address, BrokerAddress


def at(port: int) -> Address:
    return {"host": "broker.example", "port": port}


GOOD, FALSE, FALSER = at(1), at(2), at(3)


class Box:
    """What the box's papers say, and the lease that it holds."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {"broker": GOOD}
        self.lease: int | None = None
        self.start()

    def start(self, instead: Address | None = None) -> None:
        self.broker = BrokerAddress(lambda: self.facts, lambda: self.lease, instead)

    def renewed(self, broker: Address) -> None:
        before = self.broker.before(broker)
        self.facts = {"broker": broker} if before is None else {"broker": broker, "before": before}

    def attempts(self, count: int) -> list[int]:
        return [self.broker.next()["port"] for _ in range(count)]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_14_4_a_broker_that_gives_no_lease_gives_way_to_the_one_before(is_restarted: bool) -> None:
    box = Box()
    assert box.attempts(2) == [1, 1]
    box.lease = 7
    box.renewed(FALSE)
    if is_restarted:
        box.start()
    assert box.attempts(3 * TRIES_MAX) == [2] * TRIES_MAX + [1] * TRIES_MAX + [2] * TRIES_MAX
    assert box.attempts(TRIES_MAX + 1) == [1] * TRIES_MAX + [2]


def test_14_4_where_a_lease_came_the_box_stays() -> None:
    box = Box()
    box.renewed(FALSE)
    assert box.attempts(TRIES_MAX + 1) == [2] * TRIES_MAX + [1]
    for lease in range(1, 9):
        box.lease = lease
        assert box.attempts(TRIES_MAX) == [1] * TRIES_MAX


def test_14_4_one_false_broker_behind_another_takes_the_proven_one_from_nobody() -> None:
    box = Box()
    box.renewed(FALSE)
    box.start()
    box.attempts(1)
    box.renewed(FALSER)
    assert box.facts == {"broker": FALSER, "before": GOOD}
    box.attempts(TRIES_MAX + 1)
    box.lease = 1
    box.renewed(FALSE)
    assert box.facts == {"broker": FALSE, "before": GOOD}
    box.renewed(GOOD)
    assert box.facts == {"broker": GOOD}


def test_14_4_the_newest_is_kept_where_it_brought_the_last_lease_and_the_one_before_only_where_that_did() -> None:
    box = Box()
    box.renewed(FALSE)
    assert box.attempts(1) == [2]
    box.lease = 1
    assert box.broker.before(FALSER) == FALSE
    assert box.attempts(TRIES_MAX + 1)[-1] == 1  # it is away, and the one before is here again
    box.lease = 2
    assert box.broker.before(FALSER) == GOOD


def test_14_4_once_the_one_before_is_forgotten_a_box_does_not_stay_there() -> None:
    box = Box()
    box.renewed(FALSE)
    box.attempts(1)
    box.lease = 1
    assert box.attempts(TRIES_MAX + 1) == [2] * TRIES_MAX + [1]
    del box.facts["before"]
    assert box.attempts(2 * TRIES_MAX) == [1] * (TRIES_MAX - 1) + [2] * (TRIES_MAX + 1)


def test_14_4_a_lease_proves_no_address_that_was_not_asked_and_none_that_is_taken_away_any() -> None:
    box = Box()
    box.renewed(FALSE)
    box.start(instead=FALSER)
    assert box.attempts(2 * TRIES_MAX) == [3] * 2 * TRIES_MAX
    box.lease = 1
    assert box.broker.proven() is None
    box.start()
    assert box.attempts(1) == [2]
    box.lease = None
    assert box.broker.proven() is None
    box.lease = 2
    assert box.broker.proven() == FALSE


def test_14_4_a_new_answer_of_the_fleet_comes_first() -> None:
    box = Box()
    box.renewed(FALSE)
    assert box.attempts(TRIES_MAX + 1)[-1] == 1
    box.lease = 1
    box.renewed(FALSER)
    assert box.attempts(1) == [3]


def test_14_4_a_session_without_a_lease_is_left_where_there_is_another_address() -> None:
    box = Box()
    box.attempts(1)
    assert not box.broker.is_to_be_left(2 * SILENT_FOR_S)
    box.renewed(FALSE)
    box.attempts(1)
    assert not box.broker.is_to_be_left(SILENT_FOR_S)
    assert box.broker.is_to_be_left(SILENT_FOR_S + 1)
    box.lease = 1
    assert not box.broker.is_to_be_left(SILENT_FOR_S + 1)


def test_14_4_one_address_alone_is_kept() -> None:
    box = Box()
    assert box.attempts(3 * TRIES_MAX) == [1] * 3 * TRIES_MAX
