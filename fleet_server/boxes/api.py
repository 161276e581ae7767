"""HTTP: the register of boxes, and vouchers."""

import base64
from dataclasses import asdict
from typing import Annotated, Any

from cryptography import x509
from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from device.protocol.policy import AuthorityPolicy
from fleet_server.boxes import reports, store, vouchers
from fleet_server.boxes.certificates import read_idevid
from fleet_server.boxes.status import Status
from fleet_server.fleet import Fleet
from fleet_server.http_errors import ProblemError
from fleet_server.http_fields import readable
from fleet_server.people import Act, Action, Call, needs

PAGE_MAX = 1000

router = APIRouter(prefix="/api/v1", tags=["boxes"])

Region = Annotated[str, Field(pattern=r"^[0-9]{6}$")]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewBox(Body):
    """`certificate` is the factory's (IDevID), base64 DER; `region` who keeps the box until it is claimed."""

    certificate: Annotated[str, Field(max_length=6000)]
    region: Region = "000000"


class BoxShown(BaseModel):
    """`report` is what the box last said of itself (SPEC 10.4), signed by it."""

    box: str
    status: Status
    region: str
    venue: str | None
    registered_at_ms: int
    claimed_at_ms: int | None
    certificate_until_ms: int | None
    is_online: bool
    reported_at_ms: int | None
    state: str | None
    version: str | None
    report: dict[str, Any] | None = None


class Boxes(BaseModel):
    """One page; ask again with `after` = the last id. `count` is of all pages."""

    boxes: list[BoxShown]
    count: int


class NewStatus(Body):
    status: Status
    reason: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(readable)]


class NewVoucher(Body):
    box: Annotated[str, Field(pattern=r"^KTV-[0-9A-Z]{4,32}$")]
    venue: Annotated[str, Field(max_length=15)]


@router.post("/boxes", status_code=201)
def register_box(body: NewBox, call: Annotated[Call, needs(Action.BOX_REGISTER)]) -> BoxShown:
    """Register a box by its factory certificate; again, the same."""
    try:
        raw = base64.b64decode(body.certificate, validate=True)
    except ValueError as error:
        raise ProblemError("CERTIFICATE_MALFORMED", "not base64") from error
    box, key = read_idevid(raw, _factory_authorities(call.fleet))
    with call.writing() as act:
        act.require(body.region)
        return _shown(act, store.register(act, box, key.keyid, raw, body.region))


@router.get("/boxes")
def list_boxes(
    call: Annotated[Call, needs(Action.BOX_READ)],
    region: Region = "000000",
    status: Status | None = None,
    venue: Annotated[str | None, Query(max_length=15)] = None,
    after: Annotated[str, Query(max_length=36)] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> Boxes:
    """Boxes of the caller's regions, by id; with `venue` the one that stands there."""
    with call.reading() as act:
        if venue is not None:
            box = store.at_venue(act, venue)
            return Boxes(boxes=[] if box is None else [_shown(act, box)], count=int(box is not None))
        found = store.list_boxes(act, region=region, status=status, after=after, limit=limit)
        return Boxes(boxes=[_shown(act, box) for box in found], count=store.count(act, region=region, status=status))


@router.get("/boxes/{box}")
def show_box(box: str, call: Annotated[Call, needs(Action.BOX_READ)]) -> BoxShown:
    """One box, with its last report."""
    with call.reading() as act:
        found = store.one(act, box)
        last = reports.last_report(act.connection, box)
        return _shown(act, found, None if last is None else last[0].plain())


@router.put("/boxes/{box}/status")
def set_status(box: str, body: NewStatus, call: Annotated[Call, needs(Action.BOX_SUSPEND)]) -> BoxShown:
    """Suspend a box, let it back, or revoke it for good; its session ends at once."""
    with call.writing() as act:
        shown = _shown(act, store.set_status(act, box, body.status, body.reason))
    if shown.status is not Status.ACTIVE:
        call.fleet.downlink.disconnect(box)
    call.fleet.live.publish("box", shown.region, box)
    return shown


@router.post("/vouchers", status_code=201)
def issue_voucher(body: NewVoucher, call: Annotated[Call, needs(Action.VOUCHER_ISSUE)]) -> dict[str, Any]:
    """A voucher document (SPEC 14.2); its secret is not shown again."""
    with call.writing() as act:
        voucher = vouchers.issue(act, call.fleet.keys, body.box, body.venue)
        return {"v": 1, **voucher.plain()}


def _shown(act: Act, box: store.Box, report: dict[str, Any] | None = None) -> BoxShown:
    is_online = reports.is_online(box.reported_at_ms, act.now_ms)
    return BoxShown(**asdict(box), is_online=is_online, report=report)


def _factory_authorities(fleet: Fleet) -> list[x509.Certificate]:
    """The factory CAs of the authority policy; none before the key ceremony."""
    path = fleet.data / "policy.json"
    if not path.exists():
        return []
    policy = AuthorityPolicy.decode(path.read_bytes())
    wanted = [authority.certificate for authority in policy.authorities if authority.use == "factory-ca"]
    return [x509.load_der_x509_certificate(base64.b64decode(certificate)) for certificate in wanted]
