"""What the checkers take for ended by the receipts of a box."""

from typing import Any

import pytest

from device.core.receipts import ACCEPTED, KNOWN
from device.protocol.orders import RESUME, STOP, Order
from device.protocol.receipts import Receipt
from tests import builders
from tests.builders import NOON_MS, REGION
from tests.simulation.fleet import left_by
from tests.simulation.officers import Standing

ENDED, LEFT, RESUMED = [f"{REGION}-2026-{number:06d}" for number in (1, 2, 3)]
LATE_MS = NOON_MS + 1


@pytest.fixture
def orders() -> dict[str, Order]:
    """Two stops, and a resume of both that may be taken until noon."""
    stops = [builders.order(STOP, number=number, ends_at_ms=NOON_MS + 9_000) for number in (1, 2)]
    resume = builders.order(RESUME, number=3, ends=(ENDED, LEFT), issued_at_ms=NOON_MS - 9_000, expires_at_ms=NOON_MS)
    return {order.order: order for order in (*stops, resume)}


def receipt(at_ms: int | None, result: str = ACCEPTED, **changes: Any) -> Receipt:
    fields: dict[str, Any] = {
        "box": builders.BOX,
        "venue": builders.VENUE,
        "subject": "order",
        "id": RESUMED,
        "document": "0" * 64,
        "result": result,
        "code": "",
        "holds": (LEFT,),
        "grace": (),
        "at_ms": at_ms,
        "epoch": 1,
        "seq": 0,
    }
    return Receipt(**(fields | changes))


@pytest.mark.parametrize("result", [ACCEPTED, KNOWN])
def test_6_6_a_late_resume_has_ended_only_what_its_receipt_no_longer_names(
    orders: dict[str, Order], result: str
) -> None:
    standing = Standing(orders)
    standing.accepted(receipt(LATE_MS, result), LATE_MS)
    assert [order.order for order in standing.may_be_in_force(STOP, LATE_MS)] == [LEFT]
    left = left_by(orders[RESUMED], receipt(LATE_MS, result))
    assert standing.must_be_over({RESUMED}, {RESUMED: left}) == {ENDED}


@pytest.mark.parametrize("at_ms", [NOON_MS, None])
def test_a_resume_in_time_has_ended_everything_whatever_its_receipt_names(
    orders: dict[str, Order], at_ms: int | None
) -> None:
    """Else a box that does not obey it would be believed."""
    standing = Standing(orders)
    standing.accepted(receipt(at_ms), NOON_MS)
    assert standing.may_be_in_force(STOP, NOON_MS) == []
    left = left_by(orders[RESUMED], receipt(at_ms))
    assert standing.must_be_over({RESUMED}, {RESUMED: left}) == {ENDED, LEFT}
