"""A catalog of a lower epoch, signed by the real custodians and published by a server in wrong hands."""

import json

from hil_tests.bench.hostile_fleet import HostileFleet
from hil_tests.bench.stage import Stage
from hil_tests.bench.venue import Venue
from hil_tests.bench.waiting import wait_for
from hil_tests.tour import compromised
from hil_tests.tour.desk import journal_of


def prove_rollback(stage: Stage, venue: Venue) -> str:
    """The box looks, finds it, refuses it with its code and keeps the songs it has."""
    _wait_epoch(venue, stage.release_again())
    hostile = HostileFleet(stage.fleet.data)
    manifest = hostile.catalog_manifest()
    epoch, tables = manifest["epoch"], manifest["tables"]
    assert isinstance(epoch, int)
    assert isinstance(tables, list)
    older = _canonical({**manifest, "epoch": epoch - 1, "tables": [{**tables[-1], "epoch": epoch - 1}]})
    keys = [stage.offices.ceremony / f"catalog-{number}.pem" for number in (1, 2)]
    seen = len(journal_of(venue))
    hostile.publish("catalog", {"catalog/manifest.json": older}, keys)
    compromised.publish(stage.fleet, "v1/dn/all/look", b'{"v":1}')

    def refused() -> str | None:
        entries = [entry.body for entry in journal_of(venue)[seen:] if entry.kind == "CATALOG"]
        return str(entries[0]["code"]) if entries else None

    code = wait_for("the box's word on the older catalog", refused)
    assert code == "CATALOG_ROLLBACK", f"an older catalog was answered with {code or 'acceptance'}"
    _wait_epoch(venue, epoch)
    hostile.publish("catalog", {"catalog/manifest.json": _canonical(manifest)}, keys)
    return f"catalog {epoch - 1} after {epoch}: {code}"


def _wait_epoch(venue: Venue, epoch: int) -> None:
    def look() -> bool:
        catalog = venue.state()["catalog"]
        assert isinstance(catalog, dict)
        return bool(catalog["epoch"] == epoch)

    wait_for(f"catalog {epoch} on {venue.place.box}", look)


def _canonical(manifest: dict[str, object]) -> bytes:
    return json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
