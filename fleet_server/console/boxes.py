"""Boxes: the list, and everything about one of them."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from fleet_server import boxes
from fleet_server.console import frame
from fleet_server.console.box_facts import BoxFacts, box_facts
from fleet_server.console.reading import read
from fleet_server.console.refusal import PageRoute
from fleet_server.people import Act, Action, Call, needs

ROWS_PER_PAGE = 50

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListView:
    rows: list[BoxFacts]
    count: int
    more: str  # address of the next page, empty on the last
    online_within_s: int


@router.get("/boxes")
def list_boxes(
    request: Request,
    call: Annotated[Call, needs(Action.BOX_READ)],
    after: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    view = read(call, Action.BOX_READ, lambda act: _list(act, after))
    return frame.page(request, call, "boxes.html", view=view)


@router.get("/boxes/{box}")
def show_box(box: str, request: Request, call: Annotated[Call, needs(Action.BOX_READ)]) -> HTMLResponse:
    view = read(call, Action.BOX_READ, lambda act: box_facts(act, box))
    return frame.page(request, call, "box.html", view=view)


def _list(act: Act, after: str) -> ListView:
    found = boxes.list_boxes(act, after=after, limit=ROWS_PER_PAGE + 1)
    rows = [box_facts(act, box.box) for box in found[:ROWS_PER_PAGE]]
    return ListView(
        rows=rows,
        count=boxes.count(act),
        more=f"/boxes?{urlencode({'after': rows[-1].box})}" if len(found) > ROWS_PER_PAGE else "",
        online_within_s=boxes.ONLINE_FOR_MS // 1000,
    )
