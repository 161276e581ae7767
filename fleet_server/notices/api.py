"""HTTP: notices."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from device.protocol.orders import scope
from fleet_server.http_errors import ProblemError
from fleet_server.http_fields import readable
from fleet_server.notices import issue, queries
from fleet_server.people import Action, Call, needs

PAGE_MAX = 1000

router = APIRouter(prefix="/api/v1/notices", tags=["notices"])

Number = Annotated[str, Path(pattern=r"^[0-9]{6}-[0-9]{4}-T[0-9]{5}$")]
Region = Annotated[str, Field(pattern=r"^[0-9]{6}$")]
Readable = AfterValidator(readable)


class NewNotice(BaseModel):
    """`venues` or `region`; shown until `show_until_ms`."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["notice", "announcement", "warning"]
    authority: Region
    text_zh: Annotated[str, Field(min_length=1, max_length=500), Readable]
    text_en: Annotated[str, Field(max_length=500), Readable] = ""
    venues: Annotated[list[str], Field(max_length=1000)] = []
    region: Region | None = None
    show_until_ms: Annotated[int, Field(ge=0, lt=1 << 53)]


class ImpactShown(BaseModel):
    venues: int
    boxes: int
    boxes_online: int
    rooms_busy: int
    names: list[str]


class DraftShown(BaseModel):
    """`payload` is the exact text that the officer signs."""

    notice: str
    payload: str
    impact: ImpactShown


class Sent(BaseModel):
    notice: str


class NoticeShown(BaseModel):
    """`fields` is the notice as it was signed; the counts are of venues in the caller's regions."""

    notice: str
    kind: str
    authority: str
    issued_by: str
    fields: dict[str, Any]
    document: str
    sent_at_ms: int
    show_until_ms: int
    venues: int
    delivered: int
    shown: int
    acknowledged: int


class AtVenueShown(BaseModel):
    venue: str
    region: str
    box: str | None
    delivered_at_ms: int | None
    shown_at_ms: int | None
    acknowledged_at_ms: int | None
    result: str | None
    code: str | None


class NoticeWithReceipts(NoticeShown):
    receipts: list[AtVenueShown]


class Notices(BaseModel):
    """One page, the newest first; ask again with `after` = the last number. `count` is of all pages."""

    notices: list[NoticeShown]
    count: int


@router.post("/drafts", status_code=201)
def draft_notice(body: NewNotice, call: Annotated[Call, needs(Action.NOTICE_SEND)]) -> DraftShown:
    """Write a notice with its number, and say whom it would reach."""
    if bool(body.venues) == bool(body.region):
        raise ProblemError("NOTICE_MALFORMED", "venues or region")
    plain: dict[str, Any] = {"region": body.region} if body.region else {"venues": sorted(set(body.venues))}
    text = issue.Text(
        kind=body.kind,
        authority=body.authority,
        scope=scope(plain, "scope"),
        text_zh=body.text_zh,
        text_en=body.text_en,
        show_until_ms=body.show_until_ms,
    )
    policy = call.fleet.policy.current()
    with call.writing() as act:
        act.require(body.authority)
        return DraftShown(**asdict(issue.draft(act, text, policy)))


@router.post("", openapi_extra={"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}})
async def send_notice(request: Request, call: Annotated[Call, needs(Action.NOTICE_SEND)]) -> Sent:
    """Hand in the signed envelope; it goes out at once."""
    return await run_in_threadpool(_send, call, await request.body())


@router.get("")
def list_notices(
    call: Annotated[Call, needs(Action.NOTICE_READ)],
    after: Annotated[str, Query(max_length=18)] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> Notices:
    """Notices of the caller's regions, and those that touch a venue there."""
    with call.reading() as act:
        found = queries.list_notices(act, after=after, limit=limit)
        return Notices(notices=[NoticeShown(**_shown(notice)) for notice in found], count=queries.count_notices(act))


@router.get("/{notice}")
def show_notice(notice: Number, call: Annotated[Call, needs(Action.NOTICE_READ)]) -> NoticeWithReceipts:
    """One notice, and where it was delivered, shown and acknowledged."""
    with call.reading() as act:
        shown = _shown(queries.one_notice(act, notice))
        rows = [asdict(row) for row in queries.at_venues(act, notice)]
    receipts = [AtVenueShown(**{name: value for name, value in row.items() if name != "notice"}) for row in rows]
    return NoticeWithReceipts(**shown, receipts=receipts)


def _send(call: Call, raw: bytes) -> Sent:
    policy = call.fleet.policy.current()
    with call.writing() as act:
        sent = issue.send(act, raw, policy)
    for outgoing in sent.outgoing:
        call.fleet.downlink.send(outgoing.topic, outgoing.payload)
    call.fleet.live.publish("notice", sent.notice[:6], sent.notice)
    return Sent(notice=sent.notice)


def _shown(found: queries.NoticeFound) -> dict[str, Any]:
    notice = found.notice
    shown = {name: getattr(found, name) for name in queries.NoticeFound.__slots__ if name != "notice"}
    names = ("notice", "kind", "authority", "issued_by", "show_until_ms")
    return {**shown, **{name: getattr(notice, name) for name in names}, "fields": notice.plain()}
