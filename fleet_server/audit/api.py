"""HTTP: the audit record, for those who may read it."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from fleet_server.audit import store
from fleet_server.audit.model import audit_rows
from fleet_server.people import Action, Call, needs

PAGE_MAX = 1000
_N_MAX = 2**53 - 1

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])


class Rows(BaseModel):
    """Row texts, each a JSON document, the newest first."""

    rows: list[str]


class LinkShown(BaseModel):
    n: int
    row: str
    chain: str


class Links(BaseModel):
    """Consecutive rows with their chain values, oldest first."""

    links: list[LinkShown]


@router.get("")
def list_rows(
    call: Annotated[Call, needs(Action.AUDIT_READ)],
    before: Annotated[int, Query(ge=1, le=_N_MAX)] = _N_MAX,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
) -> Rows:
    """Rows of the caller's regions."""
    with call.reading() as act:
        return Rows(rows=store.latest(act.connection, act.visible(audit_rows.c.region), before, limit))


@router.get("/chain")
def list_links(
    call: Annotated[Call, needs(Action.AUDIT_READ)],
    after: Annotated[int, Query(ge=0, le=_N_MAX)] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE_MAX,
) -> Links:
    """The whole record for verification by the reader: for auditors of the whole country."""
    with call.reading() as act:
        act.require("000000")
        links = store.links(act.connection, after, limit)
        return Links(links=[LinkShown(n=link.n, row=link.row, chain=link.chain) for link in links])
