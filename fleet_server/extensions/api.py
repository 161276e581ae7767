"""HTTP: regional extensions of leases."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from device.crypto.p256 import SigningKey
from device.protocol.limits import EXTENSION_FOR_MS_MAX
from fleet_server.extensions import store, worker
from fleet_server.extensions.model import extensions
from fleet_server.http_errors import ProblemError
from fleet_server.http_fields import readable
from fleet_server.people import Action, Call, needs

router = APIRouter(prefix="/api/v1", tags=["extensions"])


class NewExtension(BaseModel):
    """The leases of the region then last in full for `for_s` from now on, at least."""

    model_config = ConfigDict(extra="forbid")

    region: Annotated[str, Field(pattern=r"^[0-9]{6}$")]
    for_s: Annotated[int, Field(ge=3600, le=EXTENSION_FOR_MS_MAX // 1000)] = 72 * 3600
    reason: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(readable)]


class ExtensionShown(BaseModel):
    extension: int
    region: str
    issued_at_ms: int
    full_until_ms: int
    issued_by: str
    reason: str


@router.post("/extensions", status_code=201)
def issue_extension(body: NewExtension, call: Annotated[Call, needs(Action.LEASE_EXTEND)]) -> ExtensionShown:
    """Extend the leases of a region by hand; what is silent for long is extended without."""
    if call.fleet.regions.find(body.region) is None:
        raise ProblemError("REGION_UNKNOWN", body.region)
    key = SigningKey.load(call.fleet.keys / "lease.pem")
    with call.writing() as act:
        act.require(body.region)
        extended = store.issue(
            act.connection,
            key,
            region=body.region,
            for_ms=1000 * body.for_s,
            by=act.actor.account,
            reason=body.reason,
            now_ms=act.now_ms,
        )
        act.record(f"extension:{extended.id}", body.region, after={"for_s": body.for_s}, reason=body.reason)
    worker.announce(call.fleet, extended)
    return _shown(extended)


@router.get("/extensions")
def list_extensions(
    call: Annotated[Call, needs(Action.BOX_READ)], limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[ExtensionShown]:
    """Those of the caller's regions, the newest first."""
    with call.reading() as act:
        found = store.list_extensions(act.connection, act.visible(extensions.c.region), limit)
    return [_shown(extended) for extended in found]


@router.get("/extensions/{extension}/envelope", response_class=Response)
def show_envelope(extension: int, call: Annotated[Call, needs(Action.BOX_READ)]) -> Response:
    """What a courier hands to a box: POST /v1/extensions there."""
    with call.reading() as act:
        mine = act.visible(extensions.c.region) & (extensions.c.id == extension)
        found = store.list_extensions(act.connection, mine, 1)
    if not found:
        raise ProblemError("NOT_FOUND")
    return Response(found[0].envelope, media_type="application/json")


def _shown(extended: store.Extended) -> ExtensionShown:
    return ExtensionShown(
        extension=extended.id,
        region=extended.region,
        issued_at_ms=extended.issued_at_ms,
        full_until_ms=extended.full_until_ms,
        issued_by=extended.issued_by,
        reason=extended.reason,
    )
