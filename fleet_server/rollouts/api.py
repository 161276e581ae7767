"""HTTP: bundles and rollouts."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field

from device.crypto.p256 import SigningKey
from fleet_server import boxes
from fleet_server.fleet import Fleet
from fleet_server.http_errors import ProblemError
from fleet_server.people import Act, Action, Call, needs
from fleet_server.repository.worker import bring_up_to_date, ring
from fleet_server.rollouts import store
from fleet_server.rollouts.bundle_file import publish_bundle
from fleet_server.rollouts.reconcile import Legs

DEADLINE_S = 24 * 3600
DEADLINE_S_MAX = 90 * 24 * 3600

router = APIRouter(prefix="/api/v1", tags=["rollouts"])


class NewRollout(BaseModel):
    """Either `boxes` or a `region`, whose active boxes are meant; `deadline_s` from now on."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$", max_length=32)]
    boxes: Annotated[list[str], Field(max_length=1000)] = []
    region: Annotated[str, Field(pattern=r"^([0-9]{6})?$")] = ""
    deadline_s: Annotated[int, Field(ge=60, le=DEADLINE_S_MAX)] = DEADLINE_S


class LegShown(BaseModel):
    box: str
    region: str
    venue: str
    state: str
    code: str
    changed_at_ms: int


class RolloutShown(BaseModel):
    """`state`: running, paused, completed. A leg counts as done when it is `confirmed` by the box's own report."""

    rollout: str
    version: str
    state: str
    created_by: str
    created_at_ms: int
    deadline_at_ms: int
    counts: dict[str, int]
    legs: list[LegShown]


class BundleShown(BaseModel):
    version: str
    compatible: str
    security_epoch: int
    bytes: int
    sha256: str
    text_zh: str
    text_en: str


@router.get("/bundles")
def list_bundles(call: Annotated[Call, needs(Action.ROLLOUT_READ)]) -> list[BundleShown]:
    """Versions that two custodians signed."""
    found = store.published(call.fleet.publisher.folder)
    return [
        BundleShown(
            version=manifest.version,
            compatible=manifest.compatible,
            security_epoch=manifest.security_epoch,
            bytes=manifest.image.length,
            sha256=manifest.image.sha256,
            text_zh=manifest.text_zh,
            text_en=manifest.text_en,
        )
        for manifest in found.values()
    ]


@router.post("/bundles", status_code=201)
def upload_bundle(
    raw: Annotated[bytes, Body(media_type="application/octet-stream")],
    call: Annotated[Call, needs(Action.ROLLOUT_MANAGE)],
) -> dict[str, str]:
    """Publish a bundle that is signed by two firmware custodians."""
    with call.writing() as act:
        act.require("000000")
        manifest = publish_bundle(call.fleet.publisher, raw, act.now_ms)
        facts = {"sha256": manifest.image.sha256}
        act.record(f"bundle:{manifest.version}", "000000", after=facts, action="bundle.publish")
    ring(call.fleet)
    return {"version": manifest.version, "sha256": manifest.image.sha256}


@router.post("/rollouts", status_code=201)
def create_rollout(body: NewRollout, call: Annotated[Call, needs(Action.ROLLOUT_MANAGE)]) -> RolloutShown:
    """Give each box a leg and offer it at once."""
    fleet = call.fleet
    if body.version not in store.published(fleet.publisher.folder):
        bring_up_to_date(fleet)
        if body.version not in store.published(fleet.publisher.folder):
            raise ProblemError("VERSION_UNKNOWN", body.version)
    legs = Legs(SigningKey.load(fleet.keys / "rollout.pem"))
    with call.writing() as act:
        targets = _targets(act, body)
        number = store.create(act, body.version, targets, act.now_ms + 1000 * body.deadline_s)
        outgoing = legs.offer(act.connection, number, act.now_ms)
        shown = _shown(store.one(act, number))
    for message in outgoing:
        fleet.downlink.send(message.topic, message.payload)
    _tell(fleet, shown)
    return shown


@router.get("/rollouts")
def list_rollouts(
    call: Annotated[Call, needs(Action.ROLLOUT_READ)], limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[RolloutShown]:
    """Newest first."""
    with call.reading() as act:
        return [_shown(rollout) for rollout in store.list_rollouts(act, limit)]


@router.get("/rollouts/{rollout}")
def show_rollout(rollout: str, call: Annotated[Call, needs(Action.ROLLOUT_READ)]) -> RolloutShown:
    """One rollout with its legs."""
    with call.reading() as act:
        return _shown(store.one(act, store.number_of(rollout)))


@router.post("/rollouts/{rollout}/pause")
def pause_rollout(rollout: str, call: Annotated[Call, needs(Action.ROLLOUT_MANAGE)]) -> RolloutShown:
    """Offer it to no further box; what is under way goes on."""
    return _set_paused(call, rollout, is_paused=True)


@router.post("/rollouts/{rollout}/resume")
def resume_rollout(rollout: str, call: Annotated[Call, needs(Action.ROLLOUT_MANAGE)]) -> RolloutShown:
    """Go on offering."""
    return _set_paused(call, rollout, is_paused=False)


def _set_paused(call: Call, rollout: str, *, is_paused: bool) -> RolloutShown:
    number = store.number_of(rollout)
    with call.writing() as act:
        store.pause(act, number, is_paused=is_paused)
        shown = _shown(store.one(act, number))
    _tell(call.fleet, shown)
    return shown


def _targets(act: Act, body: NewRollout) -> list[boxes.Box]:
    if bool(body.boxes) == bool(body.region):
        raise ProblemError("ROLLOUT_BOXES", "name boxes or a region, and not both")
    if body.boxes:
        return [boxes.one(act, box) for box in sorted(set(body.boxes))]
    return boxes.list_boxes(act, region=body.region, status=boxes.Status.ACTIVE, limit=store.LEGS_MAX)


def _tell(fleet: Fleet, shown: RolloutShown) -> None:
    for region in {leg.region for leg in shown.legs}:
        fleet.live.publish("rollout", region, shown.rollout)


def _shown(rollout: store.Rollout) -> RolloutShown:
    return RolloutShown(**asdict(rollout))
