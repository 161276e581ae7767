"""Rollouts: which version which box shall run, and how far each got by its own word."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from fleet_server import rollouts, venues
from fleet_server.console import frame
from fleet_server.console.reading import read
from fleet_server.console.refusal import PageRoute
from fleet_server.people import Act, Action, Call, needs
from fleet_server.rollouts import STATES, Leg, Rollout

ROLLOUTS_MAX = 50
LEGS_MAX = 500  # of one page; a larger rollout shows those that need a look first

# What needs a look comes first.
_ORDER = ("rejected", "rolled-back", "timed-out")

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    rollout: Rollout
    counts: list[tuple[str, int]]  # state and how many, in the order in which a box goes through them


@dataclass(frozen=True, slots=True, kw_only=True)
class LegView:
    leg: Leg
    venue_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutView:
    rollout: Rollout
    counts: list[tuple[str, int]]
    legs: list[LegView]


@router.get("/rollouts")
def list_rollouts(request: Request, call: Annotated[Call, needs(Action.ROLLOUT_READ)]) -> HTMLResponse:
    found = read(call, Action.ROLLOUT_READ, lambda act: rollouts.list_rollouts(act, ROLLOUTS_MAX))
    rows = [RowView(rollout=rollout, counts=_counts(rollout)) for rollout in found]
    return frame.page(request, call, "rollouts.html", rows=rows)


@router.get("/rollouts/{rollout}")
def show_rollout(rollout: str, request: Request, call: Annotated[Call, needs(Action.ROLLOUT_READ)]) -> HTMLResponse:
    view = read(call, Action.ROLLOUT_READ, lambda act: _rollout(act, rollouts.number_of(rollout)))
    return frame.page(request, call, "rollout.html", view=view)


def _rollout(act: Act, number: int) -> RolloutView:
    found = rollouts.one(act, number)
    first = sorted(found.legs, key=lambda leg: (leg.state not in _ORDER, leg.box))
    return RolloutView(
        rollout=found,
        counts=_counts(found),
        legs=[LegView(leg=leg, venue_name=_name(act, leg.venue)) for leg in first[:LEGS_MAX]],
    )


def _counts(rollout: Rollout) -> list[tuple[str, int]]:
    return [(state, rollout.counts[state]) for state in STATES if state in rollout.counts]


def _name(act: Act, code: str) -> str:
    venue = venues.find(act.connection, code) if code else None
    return venue.name if venue else code
