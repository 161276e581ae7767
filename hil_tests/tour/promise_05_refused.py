"""5. Bad documents are refused with their codes, by the box itself: over its LAN, and through the broker as a
compromised server would send them; and by the fleet server.

The venue is locked all the while, and every bad document is a resume: none of them opens it.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from hil_tests.bench.country import HUANGPU, NANSHAN, TIANHE, Officer, officers_over
from hil_tests.bench.papers import DAY_MS, Paper, with_changed_byte
from hil_tests.bench.stage import Stage
from hil_tests.bench.venue import Venue
from hil_tests.tour import compromised
from hil_tests.tour.catalog_rollback import prove_rollback
from hil_tests.tour.desk import resume, stop

TITLE = "refused"


@dataclass(frozen=True)
class Bad:
    """One bad document; ``at_fleet`` is what the server must say, where the box's own place is no matter."""

    what: str
    envelope: bytes
    code: str
    at_fleet: str


def prove(stage: Stage) -> str:
    venue = stage.venues[0]
    old = stop(stage, venue)
    venue.board.wait_lamp("locked")
    old_resume = resume(stage, venue, old)
    venue.board.wait_lamp("in-service")
    ordered = stop(stage, venue)
    venue.board.wait_lamp("locked")

    # Each way has documents of its own, so that no receipt can be taken for another's.
    documents = _documents(stage, ordered.order, old_resume.envelope, series=1)
    for bad in documents:
        _require(f"box, LAN: {bad.what}", bad.code, partial(_to_lan, venue, bad.envelope))
        if bad.at_fleet:
            _require(f"fleet: {bad.what}", bad.at_fleet, partial(_to_fleet, stage, bad.envelope))
        assert venue.state()["state"] == "locked", f"{bad.what}: the venue is open again"
    for bad in _documents(stage, ordered.order, old_resume.envelope, series=2):
        _require(f"box, broker: {bad.what}", bad.code, partial(_to_broker, stage, venue, bad.envelope))
        assert venue.state()["state"] == "locked", f"{bad.what}: the venue is open again"

    resume(stage, venue, ordered)
    venue.board.wait_lamp("in-service")
    rollback = prove_rollback(stage, venue)
    return f"{len(documents)} documents by LAN, broker and fleet API, each with its code; {rollback}; still locked"


def _documents(stage: Stage, ends: str, old_resume: bytes, series: int) -> list[Bad]:
    first, second = officers_over(TIANHE.region)
    keys = [stage.offices.key(officer) for officer in (first, second)]
    strangers = officers_over(HUANGPU.region)
    here, there = (stage.code(venue) for venue in stage.venues[:2])
    assert stage.venues[1].place == NANSHAN
    now_ms = stage.world.now_ms()

    def paper(number: int, by: Officer, scope: Mapping[str, object], issued_at_ms: int = now_ms) -> Paper:
        order = f"{by.region}-2026-{990_000 + 100 * series + number:06d}"
        expires_at_ms = issued_at_ms + 10 * DAY_MS
        return Paper(order, "resume", by.region, by.person, scope, issued_at_ms, expires_at_ms, {"ends": [ends]})

    here_alone, one_key, both = {"venues": [here]}, keys[:1], keys
    once, twice, changed = (paper(number, first, here_alone) for number in (1, 2, 3))
    abroad = paper(4, strangers[0], {"region": TIANHE.region})
    elsewhere = paper(5, first, {"venues": [there]})
    expired = paper(6, first, here_alone, now_ms - 30 * DAY_MS)
    return [
        Bad("one signature", once.signed(one_key), "ORDER_THRESHOLD", "ORDER_THRESHOLD"),
        Bad("same person twice", twice.signed(one_key * 2), "ORDER_SAME_PERSON", "ORDER_SAME_PERSON"),
        Bad("wrong region", abroad.signed(list(map(stage.offices.key, strangers))), "ORDER_REGION", "ORDER_REGION"),
        Bad("wrong venue", elsewhere.signed(both), "ORDER_NOT_ADDRESSED", ""),
        Bad("replayed resume", old_resume, "ORDER_REPLAYED", "ORDER_REPLAYED"),
        Bad("changed byte", with_changed_byte(changed.signed(both)), "SIGNATURE_INVALID", "SIGNATURE_INVALID"),
        Bad("expired", expired.signed(both), "ORDER_EXPIRED", "ORDER_EXPIRED"),
    ]


def _to_lan(venue: Venue, envelope: bytes) -> str:
    laptop = venue.laptop()
    answer = laptop.order(envelope)
    laptop.close()
    if "payload" not in answer.body:
        return answer.code
    receipt = json.loads(base64.b64decode(answer.body["payload"]))
    assert receipt["result"] != "accepted", f"accepted: {receipt}"
    return str(receipt["code"])


def _to_broker(stage: Stage, venue: Venue, envelope: bytes) -> str:
    """The code that the box then signs in its receipt."""
    receipt = compromised.ask(stage.fleet, venue.place.box, "order", envelope)
    assert receipt["result"] != "accepted", f"accepted: {receipt}"
    return str(receipt["code"])


def _to_fleet(stage: Stage, envelope: bytes) -> str:
    with stage.fleet.http(officers_over(TIANHE.region)[0].person) as http:
        answer = http.post("/api/v1/orders", content=envelope, headers={"Content-Type": "application/json"})
        assert answer.status_code >= 400, f"accepted: {answer.text}"
        return str(answer.json()["code"])


def _require(where: str, wanted: str, send: Callable[[], str]) -> None:
    code = send()
    assert code == wanted, f"{where}: {code or 'no code'}, not {wanted}"
