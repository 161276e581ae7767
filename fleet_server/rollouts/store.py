"""Rollouts as people see them, and their making."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, exists, insert, select, update

from device.protocol.errors import ProtocolError
from device.protocol.updates import BundleManifest
from fleet_server import boxes
from fleet_server.http_errors import ProblemError
from fleet_server.people import Act
from fleet_server.repository import RepositoryFolder
from fleet_server.rollouts.legs import SCHEDULED, TIMED_OUT, UNDER_WAY
from fleet_server.rollouts.model import rollout_legs, rollouts

log = logging.getLogger(__name__)

LEGS_MAX = 200_000
_MANIFEST = "/manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One box; `code` says why it failed."""

    box: str
    region: str
    venue: str
    state: str
    code: str
    changed_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """`state` is running, paused or completed; `legs` are those of the caller's regions, `counts` theirs by state."""

    rollout: str
    version: str
    state: str
    created_by: str
    created_at_ms: int
    deadline_at_ms: int
    counts: dict[str, int]
    legs: tuple[Leg, ...]


def name_of(number: int) -> str:
    """The rollout's name in legs and reports (SPEC 13.2)."""
    return f"R-{number:06d}"


def number_of(name: str) -> int:
    """Raises ProblemError NOT_FOUND."""
    digits = name.removeprefix("R-")
    if len(digits) != 6 or not (digits.isascii() and digits.isdecimal()):
        raise ProblemError("NOT_FOUND")
    return int(digits)


def published(folder: RepositoryFolder) -> dict[str, BundleManifest]:
    """Bundles by version, as the repository has them; one that is damaged is left out."""
    if "firmware" not in folder.versions():
        return {}
    paths = [path for path in folder.role("firmware").signed.targets if path.endswith(_MANIFEST)]
    found = {}
    for path in paths:
        place = folder.target(path)
        if place is None or not place.exists():
            continue
        try:
            manifest = BundleManifest.decode(place.read_bytes())
        except ProtocolError as error:
            log.warning("%s is no bundle: %s", path, error)
            continue
        found[manifest.version] = manifest
    return found


def create(act: Act, version: str, targets: Sequence[boxes.Box], deadline_at_ms: int) -> int:
    """A rollout with one leg for each box; the legs are sent by whoever calls. Raises ProblemError."""
    if not targets or len(targets) > LEGS_MAX:
        raise ProblemError("ROLLOUT_BOXES", f"{len(targets)} boxes, 1 to {LEGS_MAX}")
    for box in targets:
        act.require(box.region)
    facts = {"version": version, "deadline_at_ms": deadline_at_ms}
    values = {"is_paused": False, "created_by": act.actor.person, "created_at_ms": act.now_ms, **facts}
    key = act.connection.execute(insert(rollouts).values(**values)).inserted_primary_key
    assert key is not None
    number = int(key[0])
    rows = [_new_leg(act, number, box) for box in targets]
    act.connection.execute(insert(rollout_legs), rows)
    names = [box.box for box in targets]
    region = targets[0].region if len(targets) == 1 else "000000"
    act.record(f"rollout:{name_of(number)}", region, after={**facts, "boxes": names}, action="rollout.create")
    return number


def pause(act: Act, number: int, *, is_paused: bool) -> None:
    """Stop offering, or go on. Raises ProblemError NOT_FOUND, NOT_PERMITTED."""
    found = one(act, number)
    for region in {leg.region for leg in found.legs}:
        act.require(region)
    act.connection.execute(update(rollouts).where(rollouts.c.id == number).values(is_paused=is_paused))
    action = "rollout.pause" if is_paused else "rollout.resume"
    act.record(f"rollout:{found.rollout}", found.legs[0].region, after={"is_paused": is_paused}, action=action)


def one(act: Act, number: int) -> Rollout:
    """Raises ProblemError NOT_FOUND, also where no leg lies in the caller's regions."""
    row = act.connection.execute(select(rollouts).where(rollouts.c.id == number)).one_or_none()
    legs = _legs(act, number)
    if row is None or not legs:
        raise ProblemError("NOT_FOUND")
    return _rollout(row, legs)


def list_rollouts(act: Act, limit: int = 100) -> list[Rollout]:
    """Newest first, of the caller's regions."""
    seen = exists().where(rollout_legs.c.rollout == rollouts.c.id, act.visible(rollout_legs.c.region))
    rows = act.connection.execute(select(rollouts).where(seen).order_by(rollouts.c.id.desc()).limit(limit)).all()
    return [_rollout(row, _legs(act, row.id)) for row in rows]


def is_any_late(connection: Connection, now_ms: int) -> bool:
    """Whether `time_out` would change anything."""
    late = rollout_legs.join(rollouts).select().where(rollouts.c.deadline_at_ms < now_ms)
    return connection.execute(late.where(rollout_legs.c.state.in_(UNDER_WAY)).limit(1)).first() is not None


def time_out(connection: Connection, now_ms: int) -> list[tuple[str, str]]:
    """Silence by the deadline is a failure; returns rollout and region of what changed."""
    late = select(rollouts.c.id).where(rollouts.c.deadline_at_ms < now_ms)
    where = (rollout_legs.c.rollout.in_(late), rollout_legs.c.state.in_(UNDER_WAY))
    found = connection.execute(select(rollout_legs.c.rollout, rollout_legs.c.region).where(*where)).all()
    if found:
        change = {"state": TIMED_OUT, "changed_at_ms": now_ms}
        connection.execute(update(rollout_legs).where(*where).values(**change))
    return [(name_of(row.rollout), row.region) for row in found]


def _new_leg(act: Act, number: int, box: boxes.Box) -> dict[str, object]:
    last = boxes.last_report(act.connection, box.box)
    return {
        "rollout": number,
        "box": box.box,
        "region": box.region,
        "venue": box.venue or "",
        "state": SCHEDULED,
        "code": "",
        "boot_before": 0 if last is None else last[0].boot,
        "changed_at_ms": act.now_ms,
    }


def _legs(act: Act, number: int) -> tuple[Leg, ...]:
    here = select(rollout_legs).where(rollout_legs.c.rollout == number, act.visible(rollout_legs.c.region))
    names = ("box", "region", "venue", "state", "code", "changed_at_ms")
    rows = act.connection.execute(here.order_by(rollout_legs.c.box))
    return tuple(Leg(**{name: getattr(row, name) for name in names}) for row in rows)


def _rollout(row: Row[tuple[object, ...]], legs: tuple[Leg, ...]) -> Rollout:
    is_over = all(leg.state not in UNDER_WAY for leg in legs)
    facts = row._asdict()
    return Rollout(
        rollout=name_of(int(facts["id"])),
        version=str(facts["version"]),
        state="completed" if is_over else "paused" if facts["is_paused"] else "running",
        created_by=str(facts["created_by"]),
        created_at_ms=int(facts["created_at_ms"]),
        deadline_at_ms=int(facts["deadline_at_ms"]),
        counts=dict(Counter(leg.state for leg in legs)),
        legs=legs,
    )
