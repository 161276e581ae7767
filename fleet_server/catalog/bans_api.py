"""HTTP: in which releases the ban of an order is (SPEC 8.7)."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from fleet_server import orders
from fleet_server.catalog import store
from fleet_server.people import Action, Call, needs

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])

Number = Annotated[str, Path(pattern=r"^[0-9]{6}-[0-9]{4}-[0-9]{6}$")]


class ReleasesShown(BaseModel):
    """Epochs of the releases that carry the ban, the oldest first; `current` is the release in force, 0 if none is.

    `is_carried`: whether that one carries it, so that a box that never had the order has its ban.
    """

    order: str
    releases: list[int]
    current: int
    is_carried: bool


@router.get("/{order}/releases")
def show_releases(order: Number, call: Annotated[Call, needs(Action.ORDER_READ)]) -> ReleasesShown:
    """Of an order that is no ban, or not issued, none."""
    with call.reading() as act:
        orders.one_order(act, order)
        found, current = store.releases_with(act.connection, order), store.current(act.connection)
        epoch = current.epoch if current else 0
        return ReleasesShown(order=order, releases=found, current=epoch, is_carried=epoch in found)
