"""Orders and notices of the made-up data, signed by its officers, and what its boxes answer.

One stop in force, one that was lifted, a ban in a whole county, a draft that waits for its second signature, a stop
for a box that is off line, and a notice that one box has shown.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from device.crypto.p256 import SigningKey
from device.protocol.policy import ScopeLimit
from device.protocol.uplink import UpdateState
from fleet_server.boxes import find
from fleet_server.broker import UplinkMessage
from fleet_server.fleet import Fleet
from fleet_server.live import Event
from fleet_server.messages import mailroom
from fleet_server.people import Act, Action, Actor, Role
from fleet_server.people.authority import Grant
from fleet_server.rollouts.store import create
from tests.device.protocol.builders import CHEN, EVERYTHING, LI, WANG, ZHANG, FixedKey, person, policy
from tests.fleet_server.console.api_client import ok
from tests.fleet_server.country import StandingBox, signature, signed
from tests.fleet_server.fake_journal import FakeJournal
from tests.fleet_server.pki import KeyPair

DAY_MS = 24 * 3600 * 1000
AUTHORITY = "440100"
NAMES = {"zhang": "张伟", "li": "李娜", "chen": "陈静", "wang": "王强"}


@dataclass(frozen=True)
class Papers:
    """Numbers."""

    stop: str
    lifted: str
    resume: str
    ban: str
    waiting: str
    carried: str
    notice: str
    rollout: str


def standing_box(fleet: Fleet, box: str, venue: str, region: str, key: SigningKey) -> StandingBox:
    """Its journal begins an hour ago."""
    journal = FakeJournal(box, key)
    journal.now_ms = fleet.clock.now_ms() - 3600_000
    return StandingBox(box, venue, region, key, KeyPair(Path(), Path()), journal)


async def write_papers(
    fleet: Fleet, first: httpx.AsyncClient, second: httpx.AsyncClient, venues: list[str], boxes: dict[str, StandingBox]
) -> Papers:
    """`first` is zhang, `second` li."""
    _publish_policy(fleet)
    now_ms = fleet.clock.now_ms()
    stop = {
        "kind": "stop",
        "document": "穗文执罚〔2026〕第0231号",
        "basis": "《娱乐场所管理条例》第四十八条",
        "text_zh": "因超时营业，责令停业整顿三十日。",
        "text_en": "Closed for thirty days for operating beyond hours.",
        "ends_at_ms": now_ms + 30 * DAY_MS,
        "grace_s": 30,
    }
    in_force = await issue(first, second, **stop, venues=[venues[1]])
    obey(fleet, boxes[venues[1]], await envelope(second, in_force))
    lifted = await issue(first, second, **stop | {"document": "穗文执罚〔2026〕第0198号"}, venues=[venues[2]])
    obey(fleet, boxes[venues[2]], await envelope(second, lifted))
    resume = {
        "kind": "resume",
        "document": "穗文执复〔2026〕第0057号",
        "basis": "《娱乐场所管理条例》第四十八条",
        "text_zh": "整改验收合格，恢复营业。",
    }
    resumed = await issue(first, second, **resume, ends=[lifted])
    obey(fleet, boxes[venues[2]], await envelope(second, resumed))
    ban = {
        "kind": "ban",
        "document": "穗文市〔2026〕第12号",
        "basis": "《娱乐场所管理条例》第十三条",
        "text_zh": "下列曲目含有禁止内容，即日起不得播放。",
        "targets": [{"by": "version", "id": "S000042"}, {"by": "version", "id": "S000117"}],
        "ends_at_ms": None,
        "region": "440106",
    }
    banned = await issue(first, second, **ban)
    obey(fleet, boxes[venues[0]], await envelope(second, banned))
    waiting = await hand_in(first, **stop | {"document": "穗文执罚〔2026〕第0240号"}, venues=[venues[3]])
    carried = await issue(first, second, **stop | {"document": "穗文执罚〔2026〕第0243号"}, venues=[venues[4]])
    notice = await _notify(fleet, first, venues, boxes)
    rollout = _update(fleet, [boxes[venue] for venue in venues[:6] if venue in boxes])
    return Papers(in_force, lifted, resumed, banned, str(waiting["order"]), carried, notice, rollout)


async def hand_in(first: httpx.AsyncClient, **wish: Any) -> dict[str, Any]:
    """A draft with its drafter's signature."""
    drafted = (await ok(first.post("/api/v1/orders/drafts", json={"authority": AUTHORITY, **wish}))).json()
    await ok(first.post("/api/v1/orders", content=signed("order", drafted["payload"], ZHANG)))
    return dict(drafted)


async def approve(second: httpx.AsyncClient, drafted: dict[str, Any]) -> str:
    order = str(drafted["order"])
    await ok(second.post(f"/api/v1/orders/{order}/approvals", json=signature(str(drafted["payload"]), LI)))
    return order


async def issue(first: httpx.AsyncClient, second: httpx.AsyncClient, **wish: Any) -> str:
    return await approve(second, await hand_in(first, **wish))


async def envelope(reader: httpx.AsyncClient, order: str) -> bytes:
    return (await ok(reader.get(f"/api/v1/orders/{order}/envelope"))).content


def obey(fleet: Fleet, box: StandingBox, raw: bytes) -> None:
    """The box takes the order, and says so by receipt and report."""
    box.journal.now_ms = fleet.clock.now_ms()
    mail(fleet, box, "receipt", box.obey(raw))
    said: dict[str, Any] = {
        "version": "1.4.2",
        "catalog_epoch": 12,
        "lease": 104,
        "refused": {"SONG_UNKNOWN": 17, "VENUE_LOCKED": 6},
    }
    said["state"] = _state_of(box)
    mail(fleet, box, "report", box.report(**said))


def _state_of(box: StandingBox) -> str:
    """The first three orders are stops and a resume; a ban stops no venue."""
    return "locked" if any(hold < "440100-2026-000004" for hold in box.holds) else "in-service"


def mail(fleet: Fleet, box: StandingBox, kind: str, payload: bytes) -> None:
    """As the broker delivers it; watchers are told."""
    outcomes, again = mailroom(fleet).take([UplinkMessage(box.box, kind, payload, 1)])
    assert not again
    for outcome in outcomes:
        if isinstance(outcome, Event):
            fleet.live.tell(outcome)


async def _notify(fleet: Fleet, officer: httpx.AsyncClient, venues: list[str], boxes: dict[str, StandingBox]) -> str:
    wish = {
        "kind": "warning",
        "authority": AUTHORITY,
        "venues": venues[:3],
        "text_zh": "临近节日，请检查消防通道并按时打烊。",
        "text_en": "Check your fire exits and close on time during the holidays.",
        "show_until_ms": fleet.clock.now_ms() + 7 * DAY_MS,
    }
    drafted = (await ok(officer.post("/api/v1/notices/drafts", json=wish))).json()
    raw = signed("notice", drafted["payload"], ZHANG)
    await ok(officer.post("/api/v1/notices", content=raw))
    number = str(drafted["notice"])
    for venue in venues[:2]:
        mail(fleet, boxes[venue], "receipt", boxes[venue].obey(raw))
    journal = boxes[venues[0]].journal
    journal.add("SHOWN", {"notice": number, "what": "shown"})
    mail(fleet, boxes[venues[0]], "journal", journal.batch())
    return number


def _update(fleet: Fleet, standing: list[StandingBox]) -> str:
    """A rollout whose first boxes have got to different states."""
    actor = Actor("zhang", "zhang", "zhang", "", (Grant(Role.OPERATOR, AUTHORITY),))
    with fleet.database.writing() as connection:
        act = Act(connection, actor, Action.ROLLOUT_MANAGE, fleet.clock.now_ms(), "", "")
        targets = [found for box in standing if (found := find(connection, box.box)) is not None]
        number = create(act, "1.5.0", targets, act.now_ms + DAY_MS)
    rollout = f"R-{number:06d}"
    states = (("confirmed", ""), ("downloading", ""), ("rolled-back", "UPDATE_UNHEALTHY"))
    for box, (state, code) in zip(standing, states, strict=False):
        update = UpdateState(rollout=rollout, version="1.5.0", state=state, code=code)
        is_new = state == "confirmed"
        version, slot, boot = ("1.5.0", "b", 2) if is_new else ("1.4.2", "a", 1)
        said: dict[str, Any] = {
            "version": version,
            "slot": slot,
            "boot": boot,
            "catalog_epoch": 12,
            "state": _state_of(box),
        }
        mail(fleet, box, "report", box.report(update=update, **said))
    return rollout


def _publish_policy(fleet: Fleet) -> None:
    keys: dict[str, FixedKey] = {"zhang": ZHANG, "li": LI, "chen": CHEN, "wang": WANG}
    regions = {"zhang": AUTHORITY, "li": AUTHORITY, "chen": "440106", "wang": "310101"}
    persons = tuple(person(name, regions[name], EVERYTHING, keys[name].key).replace(name=NAMES[name]) for name in keys)
    limits = tuple(ScopeLimit(level=level, venues_max=1_000_000) for level in (1, 2, 3, 4))
    (fleet.data / "policy.json").write_bytes(policy().replace(persons=persons, limits=limits).encode())
