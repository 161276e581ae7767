"""The page about this server, the reader's account, and what the words mean."""

from dataclasses import dataclass
from importlib import metadata
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from fleet_server import boxes
from fleet_server.console import frame
from fleet_server.console.orders import policy_of
from fleet_server.console.refusal import PageRoute
from fleet_server.people import Action, Call, needs

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutView:
    version: str
    policy_epoch: int | None
    online_within_s: int


@router.get("/about")
def show_about(request: Request, call: Annotated[Call, needs(Action.SESSION_READ)]) -> HTMLResponse:
    policy = policy_of(call.fleet)
    view = AboutView(
        version=_version(), policy_epoch=policy.epoch if policy else None, online_within_s=boxes.ONLINE_FOR_MS // 1000
    )
    return frame.page(request, call, "about.html", view=view)


def _version() -> str:
    try:
        return metadata.version("frontbox")
    except metadata.PackageNotFoundError:
        return "0+checkout"
