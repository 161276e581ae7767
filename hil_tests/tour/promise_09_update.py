"""9. An update from A to B is confirmed by the box's own signed report; a bundle that fails its health check
rolls back; a bundle signed by the wrong key is rejected."""

from pathlib import Path
from typing import Any

from device.crypto.p256 import SigningKey
from device.protocol.envelope import seal
from device.protocol.updates import RolloutLeg
from hil_tests.bench.hostile_fleet import HostileFleet
from hil_tests.bench.image import Fault, build_image
from hil_tests.bench.offices import PROVISION
from hil_tests.bench.program import run
from hil_tests.bench.stage import Stage
from hil_tests.bench.venue import Venue
from hil_tests.bench.waiting import now_s, wait_for
from hil_tests.tour import compromised
from hil_tests.tour.desk import journal_of

TITLE = "update"
GOOD, SICK, FORGED = "1.1.0", "1.2.0", "1.3.0"
UPDATE_WITHIN_S = 120.0


def prove(stage: Stage) -> str:
    venue = stage.venues[2]
    started = now_s()
    slot = venue.board.status()["slot"]
    leg = _roll_out(stage, venue, GOOD, until=("confirmed", "rolled-back", "rejected"))
    confirmed_s = now_s() - started
    assert leg["state"] == "confirmed", leg
    said = venue.wait_answering()
    assert said["version"] == GOOD, said
    assert venue.board.status()["slot"] != slot, "the new version runs from the old slot"

    leg = _roll_out(stage, venue, SICK, "sick", until=("confirmed", "rolled-back", "rejected"))
    assert leg["state"] == "rolled-back", leg
    assert venue.wait_answering()["version"] == GOOD

    code = _forged(stage, venue)
    assert code == "UPDATE_UNTRUSTED", f"a bundle signed by the wrong key: {code or 'accepted'}"
    assert venue.wait_answering()["version"] == GOOD
    return f"{GOOD} confirmed after {confirmed_s:.0f} s, {SICK} rolled back, {FORGED} with wrong key: {code}"


def _roll_out(stage: Stage, venue: Venue, version: str, fault: Fault = "", *, until: tuple[str, ...]) -> dict[str, Any]:
    """Build, sign, hand over, roll out; the leg once the box has said how it ended."""
    image = build_image(stage.folder / "bundles" / f"{version}.img", version, fault)
    keys = [stage.offices.ceremony / f"firmware-{number}.pem" for number in (1, 2)]
    bundle = image.with_suffix(".tar")
    run(PROVISION, "bundle", "build", "--image", image, "--version", version, "--out", bundle).require()
    run(PROVISION, "bundle", "sign", bundle, "--fleet", stage.fleet.data, "--key", keys[0], "--key", keys[1]).require()
    created = wait_for(
        f"a rollout of {version}",
        lambda: _created(stage, version, venue.place.box),
    )

    def ended() -> dict[str, Any] | None:
        legs = stage.offices.operate("rollout", "show", created)["legs"]
        leg: dict[str, Any] = next(leg for leg in legs if leg["box"] == venue.place.box)
        return leg if leg["state"] in until else None

    return wait_for(f"{version} on {venue.place.box}", ended, UPDATE_WITHIN_S, every_s=0.5)


def _created(stage: Stage, version: str, box: str) -> str | None:
    """The rollout's number; None while the server has not yet verified the bundle."""
    tried = stage.fleet.ask("ops", "rollout", "create", "--version", version, "--box", box, "--output", "json")
    return str(tried.data()["rollout"]) if tried.exit_code == 0 else None


def _forged(stage: Stage, venue: Venue) -> str:
    """A server in wrong hands publishes firmware that catalog custodians signed, and orders it with its own key."""
    image = build_image(stage.folder / "bundles" / f"{FORGED}.img", FORGED).read_bytes()
    hostile = HostileFleet(stage.fleet.data)
    wrong = [stage.offices.ceremony / f"catalog-{number}.pem" for number in (1, 2)]
    right = [stage.offices.ceremony / f"firmware-{number}.pem" for number in (1, 2)]
    seen = len(journal_of(venue))
    hostile.publish("firmware", {f"firmware/{FORGED}/manifest.json": b"{}", f"firmware/{FORGED}/image": image}, wrong)
    compromised.publish(stage.fleet, f"v1/dn/{venue.place.box}/rollout", _leg(stage, venue))

    def answered() -> str | None:
        entries = [entry.body for entry in journal_of(venue)[seen:] if entry.kind == "UPDATE"]
        last = next((body for body in entries if body["state"] == "rejected"), None)
        return str(last["code"]) if last else None

    code = wait_for("the box's word on the forged bundle", answered)
    hostile.publish("firmware", {}, right)
    return code


def _leg(stage: Stage, venue: Venue) -> bytes:
    key = SigningKey.load(Path(stage.fleet.data / "keys" / "rollout.pem"))
    leg = RolloutLeg(box=venue.place.box, rollout="forged-1", version=FORGED, issued_at_ms=stage.world.now_ms())
    return seal("rollout", leg.encode(), [key]).encode()
