"""What a box makes of orders that come one after the other (SPEC 6.2 (8), (10), 6.3)."""

from typing import Any

from device.protocol.orders import Order, Scope
from tests.device.protocol.builders import (
    CHEN,
    LI,
    OTHER_VENUES,
    REGION,
    VENUE,
    WANG,
    ZHANG,
    ban,
    lift,
    order_envelope,
    policy,
    resume,
    stop,
)
from tests.vectors.sources.vector import Vector, vector

_COUNTY, _PROVINCE = "310101-2026-00000", "310000-2026-00000"
_BY_PROVINCE: dict[str, Any] = {"authority": "310000", "drafted_by": "wang"}
# What comes, and what the receipt then says: result, code, holds in force.
Step = tuple[bytes, str, str, list[str]]


def county(order: Order, number: int, **changes: Any) -> bytes:
    """Signed by zhang and wang: li may neither ban nor lift."""
    return order_envelope(order.replace(order=f"{_COUNTY}{number}", **changes), ZHANG, WANG)


def province(order: Order, number: int, **changes: Any) -> bytes:
    return order_envelope(order.replace(order=f"{_PROVINCE}{number}", **_BY_PROVINCE, **changes), WANG, CHEN)


_C1, _C2, _P1 = f"{_COUNTY}1", f"{_COUNTY}2", f"{_PROVINCE}1"
_STOP_1, _STOP_2 = county(stop(), 1), county(stop(), 2)
_ROOMS_1 = county(stop(scope=Scope(venues=(VENUE,), region="", rooms=("K1",))), 1)
_RESUME_1 = county(resume(ends=(_C1,)), 3)
_ELSEWHERE = county(stop(scope=Scope(venues=(OTHER_VENUES[0],), region="")), 1)


def hold_vectors() -> list[Vector]:
    return [*_repeated(), *_of_two_levels(), *_of_several()]


def _repeated() -> list[Vector]:
    return [
        _of("a stop, a resume, the stop replayed", "6.3 (1)", False, [
            (_STOP_1, "accepted", "", [_C1]),
            (_STOP_1, "known", "ORDER_REPLAYED", [_C1]),
            (_RESUME_1, "accepted", "", []),
            (_STOP_1, "known", "ORDER_REPLAYED", []),
        ]),
        _of("a resume replayed after another stop", "6.3 (1)", True, [
            (_STOP_1, "accepted", "", [_C1]),
            (_RESUME_1, "accepted", "", []),
            (_STOP_2, "accepted", "", [_C2]),
            (_RESUME_1, "known", "ORDER_REPLAYED", [_C2]),
        ]),
        _of("the same order by other signers", "6.2 (8)", True, [
            (_STOP_1, "accepted", "", [_C1]),
            (order_envelope(stop(order=_C1), ZHANG, LI), "known", "ORDER_REPLAYED", [_C1]),
        ]),
        _of("two orders of one number", "6.2 (8)", True, [
            (_STOP_1, "accepted", "", [_C1]),
            (county(stop(grace_s=0), 1), "rejected", "ORDER_EQUIVOCATION", [_C1]),
            (county(resume(ends=(_C1,)), 1), "rejected", "ORDER_EQUIVOCATION", [_C1]),
        ]),
        _of("a resume that overtakes its stop", "6.3 (3)", False, [
            (_RESUME_1, "accepted", "", []),
            (_STOP_1, "accepted", "", []),
        ]),
    ]  # fmt: skip


def _of_two_levels() -> list[Vector]:
    return [
        _of("a county cannot open what the province closed", "6.3 (2)", False, [
            (province(stop(), 1), "accepted", "", [_P1]),
            (county(resume(ends=(_P1,)), 1), "accepted", "", [_P1]),
            (province(resume(ends=(_P1,)), 2), "accepted", "", []),
        ]),
        _of("being early gives a county no more power", "6.3 (2)", True, [
            (county(resume(ends=(_P1,)), 1), "accepted", "", []),
            (province(stop(), 1), "accepted", "", [_P1]),
        ]),
        _of("the province may open what the county closed", "6.3 (2)", False, [
            (_STOP_1, "accepted", "", [_C1]),
            (province(resume(ends=(_C1,)), 1), "accepted", "", []),
        ]),
    ]  # fmt: skip


def _of_several() -> list[Vector]:
    return [
        _of("two stops, ended one by one", "6.3 (6)", True, [
            (_STOP_1, "accepted", "", [_C1]),
            (_STOP_2, "accepted", "", [_C1, _C2]),
            (_RESUME_1, "accepted", "", [_C2]),
        ]),
        _of("two stops, ended together with one that is not there", "6.3 (3)", False, [
            (_STOP_2, "accepted", "", [_C2]),
            (_STOP_1, "accepted", "", [_C1, _C2]),
            (county(resume(ends=(_C1, _C2, f"{_COUNTY}9")), 3), "accepted", "", []),
        ]),
        _of("a resume ends no ban and a lift no stop", "6.3", True, [
            (county(ban(), 1), "accepted", "", [_C1]),
            (_STOP_2, "accepted", "", [_C1, _C2]),
            (county(resume(ends=(_C1,)), 3), "accepted", "", [_C1, _C2]),
            (county(lift(ends=(_C2,)), 4), "accepted", "", [_C1, _C2]),
            (county(lift(ends=(_C1,)), 5), "accepted", "", [_C2]),
        ]),
        _of("a stop of rooms is ended as any other", "6.3 (6)", True, [
            (_ROOMS_1, "accepted", "", [_C1]),
            (_STOP_2, "accepted", "", [_C1, _C2]),
            (_RESUME_1, "accepted", "", [_C2]),
            (_ROOMS_1, "known", "ORDER_REPLAYED", [_C2]),
        ]),
        _of("a stop of rooms leaves the venue open", "6.3 (6)", False, [(_ROOMS_1, "accepted", "", [_C1])]),
        _of("not for this venue", "6.2 (10)", False, [
            (_ELSEWHERE, "rejected", "ORDER_NOT_ADDRESSED", []),
            (province(stop(scope=Scope(venues=(), region="310200")), 1), "rejected", "ORDER_NOT_ADDRESSED", []),
        ]),
        _of("for the region of this venue", "6.2 (10)", True, [
            (province(stop(scope=Scope(venues=(), region="310100")), 1), "accepted", "", [_P1]),
        ]),
        _of("what is rejected changes nothing and is not known", "6.2", True, [
            (_STOP_1, "accepted", "", [_C1]),
            (order_envelope(resume(ends=(_C1,), order=f"{_COUNTY}3"), ZHANG), "rejected", "ORDER_THRESHOLD", [_C1]),
            (_ELSEWHERE, "rejected", "ORDER_EQUIVOCATION", [_C1]),
        ]),
        _of("what was rejected may come again, signed by two", "6.2", False, [
            (_STOP_1, "accepted", "", [_C1]),
            (order_envelope(resume(ends=(_C1,), order=f"{_COUNTY}3"), ZHANG), "rejected", "ORDER_THRESHOLD", [_C1]),
            (_RESUME_1, "accepted", "", []),
        ]),
    ]  # fmt: skip


def _of(name: str, clause: str, is_locked: bool, steps: list[Step]) -> Vector:
    receipts = [{"result": result, "code": code, "holds": holds} for _, result, code, holds in steps]
    orders = [raw.decode() for raw, _, _, _ in steps]
    given = {"policy": policy().encode().decode(), "venue": VENUE, "region": REGION, "orders": orders}
    return vector(name, clause, {"receipts": receipts, "is_locked": is_locked}, **given)
