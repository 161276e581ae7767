"""HTTP: evidence files."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from fleet_server import boxes, venues
from fleet_server.http_errors import ProblemError
from fleet_server.people import Action, Call, needs
from fleet_server.plays import evidence

SEQ_MAX = 1 << 53

router = APIRouter(prefix="/api/v1", tags=["plays"])

Seq = Annotated[int | None, Query(ge=0, le=SEQ_MAX)]


@router.get("/evidence", response_class=Response)
def export_evidence(
    call: Annotated[Call, needs(Action.PLAYS_EXPORT)],
    venue: Annotated[str, Query(max_length=15)],
    epoch: Seq = None,
    first: Annotated[int | None, Query(alias="from", ge=0, le=SEQ_MAX)] = None,
    last: Annotated[int | None, Query(alias="to", ge=0, le=SEQ_MAX)] = None,
    day: Annotated[str | None, Query(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")] = None,
) -> Response:
    """A tar file that proves a stretch of the journal of a venue's box, by sequence numbers or business day."""
    with call.reading() as act:
        region = venues.one(act, venue).region
        box = boxes.at_venue(act, venue)
        if box is None:
            raise ProblemError("EVIDENCE_NONE", f"no box stands in {venue}")
        if day is not None:
            epoch, first, last = evidence.of_day(act.connection, box.box, epoch, day)
        stretch = evidence.choose(act.connection, box.box, venue, epoch, first, last)
        raw = evidence.export(act.connection, call.fleet.publisher.folder, stretch, act.now_ms)
    with call.writing() as act:
        facts = {"box": stretch.box, "epoch": stretch.epoch, "from": stretch.first, "to": stretch.last}
        act.record(f"venue:{venue}", region, after=facts, action="evidence.export")
    name = f"evidence-{stretch.box}-{stretch.epoch}-{stretch.first}-{stretch.last}.tar"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(raw, media_type="application/octet-stream", headers=headers)
