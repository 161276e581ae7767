"""The audit record for those who may read it: who did what to what."""

import json
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from fleet_server.audit import latest_rows
from fleet_server.console import frame
from fleet_server.console.reading import read
from fleet_server.console.refusal import PageRoute
from fleet_server.people import Action, Call, needs

ROWS_PER_PAGE = 50
_N_MAX = 2**53 - 1

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    n: int
    at_ms: int
    actor: str
    action: str
    reason: str
    kind: str
    subject: str
    region: str
    ip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditView:
    rows: list[RowView]
    more: str  # address of older rows, empty if there are none


@router.get("/audit")
def list_audit(
    request: Request,
    call: Annotated[Call, needs(Action.AUDIT_READ)],
    before: Annotated[int, Query(ge=1, le=_N_MAX)] = _N_MAX,
) -> HTMLResponse:
    texts = read(call, Action.AUDIT_READ, lambda act: latest_rows(act, before, ROWS_PER_PAGE))
    rows = [_row(text) for text in texts]
    more = f"/audit?before={rows[-1].n}" if len(rows) == ROWS_PER_PAGE else ""
    return frame.page(request, call, "audit.html", view=AuditView(rows=rows, more=more))


def _row(text: str) -> RowView:
    row = json.loads(text)
    kind, _, subject = row["subject"].partition(":")
    return RowView(
        n=row["n"],
        at_ms=row["at_ms"],
        actor=row["actor"],
        action=row["action"],
        reason=row["reason"],
        kind=kind,
        subject=subject,
        region=row["region"],
        ip=row["ip"],
    )
