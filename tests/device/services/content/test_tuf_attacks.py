"""The attacks of the TUF specification (1.5.2) by their names, against the box's own client and a fleet that has its
online keys and what keys of custodians the name of the attack grants it. `test_attacks.py` has our own rules.
"""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler

import pytest
from tuf.api.metadata import Root

from device.core.events import CatalogLoaded, ContentRejected, PolicyLoaded
from hil_tests.bench.hostile_fleet import HostileFleet
from tests.device.services.content.rig import SONGS, Box, answer_with
from tests.device.services.content.signed_anew import Roots
from tests.device.services.content.tuf_server import TufServer
from tests.fleet_server.repository.published import PublishedFleet, bundle_files, catalog_files

MANIFEST = "catalog/manifest.json"


def rejected(code: str, epoch: int = 5) -> list[ContentRejected]:
    return [ContentRejected(what="catalog", epoch=epoch, code=code)]


@pytest.fixture
async def singing(box: Box, fleet: PublishedFleet) -> Box:
    """A box with the catalog of epoch 5."""
    fleet.publish_catalog(5, SONGS)
    await box.look()
    assert box.catalog.find("000001") is not None
    return box


async def test_arbitrary_installation(singing: Box, fleet: PublishedFleet, hostile: HostileFleet) -> None:
    """Whatever the server lays out under a name that is signed."""
    files = catalog_files(6, ["900001"])
    hostile.publish("catalog", files, fleet.custodians("catalog"))
    role = fleet.publisher.folder.role("catalog").signed
    for path, data in catalog_files(7, ["900002"]).items():
        named = path.replace("7", "6")
        hostile.put_target(named, data, role.targets[named].hashes["sha256"])
    assert await singing.look() == rejected("CONTENT_UNTRUSTED", 0)
    assert singing.catalog.find("900002") is None
    assert singing.catalog.find("000001") is not None


async def test_rollback_of_a_role(singing: Box, hostile: HostileFleet) -> None:
    """An edition that was signed once, named again by a new snapshot."""
    hostile.seal({"targets": 1, "policy": 1, "catalog": 1, "firmware": 1})
    assert await singing.look() == rejected("CATALOG_ROLLBACK")


async def test_rollback_of_the_snapshot(singing: Box, hostile: HostileFleet) -> None:
    hostile.seal({"targets": 1, "policy": 1, "catalog": 2, "firmware": 1}, number=1)
    assert await singing.look() == rejected("CATALOG_ROLLBACK")


async def test_rollback_of_the_timestamp(singing: Box, hostile: HostileFleet) -> None:
    hostile.seal({"targets": 1, "policy": 1, "catalog": 2, "firmware": 1}, edition=1)
    assert await singing.look() == rejected("CATALOG_ROLLBACK")


async def test_fast_forward(singing: Box, fleet: PublishedFleet, hostile: HostileFleet) -> None:
    """Versions that no honest edition will reach: the box is out of it as soon as the root gives other keys."""
    versions = {"targets": 1, "policy": 1, "catalog": 2, "firmware": 1}
    hostile.seal(versions, number=1_000_000_000, edition=1_000_000_000)
    assert await singing.look() == []
    fleet.publisher.folder.metadata.joinpath("timestamp.json").unlink()
    hostile.seal(versions, number=3, edition=3, published=False)
    assert await singing.look() == rejected("CATALOG_ROLLBACK")
    roots = Roots(fleet)

    def other_keys(root: Root) -> None:
        for role in ("snapshot", "timestamp"):
            roots.give_new_online_key(root, role)

    roots.rotate(other_keys, roots.custodians)
    hostile.seal(versions, number=4, edition=4)
    assert await singing.look() == []
    fleet.publish_catalog(6, ["900001"])
    assert await singing.look() == [CatalogLoaded(epoch=6, entries=1)]


async def test_indefinite_freeze(singing: Box, fleet: PublishedFleet, server: TufServer) -> None:
    """Old metadata is shown for ever: by trusted time it expires, brings nothing, and takes nothing away."""
    frozen = fleet.publisher.folder.metadata.joinpath("timestamp.json").read_bytes()

    def freeze(answer: BaseHTTPRequestHandler, _data: bytes) -> bool:
        answer_with(answer, frozen)
        return True

    server.misbehave["timestamp.json"] = freeze
    fleet.publish_catalog(6, ["900001"])
    assert await singing.look() == []
    singing.proven_ms = int((datetime.now(UTC) + timedelta(days=4)).timestamp() * 1000)
    assert await singing.look() == []
    assert await singing.refused("1.1.0") == "CONTENT_EXPIRED"
    assert singing.catalog.find("000001") is not None
    assert singing.catalog.find("900001") is None


async def test_endless_data(singing: Box, fleet: PublishedFleet, server: TufServer) -> None:
    fleet.publish_catalog(6, SONGS)

    def endless(answer: BaseHTTPRequestHandler, data: bytes) -> bool:
        answer.send_response(200)
        answer.end_headers()
        try:
            for _ in range(200):
                answer.wfile.write(data + bytes(100_000))
        except OSError:
            pass
        answer.close_connection = True
        return True

    for suffix in ("timestamp.json", "snapshot.json", "catalog.json", "manifest.json", ".bin"):
        server.misbehave = {suffix: endless}
        singing.content._told.clear()
        assert [event.code for event in await singing.look()] == ["CONTENT_UNTRUSTED"], suffix
    assert max(path.stat().st_size for path in singing.folder.rglob("*") if path.is_file()) < 1_000_000


async def test_extraneous_dependencies(singing: Box, fleet: PublishedFleet, hostile: HostileFleet) -> None:
    """A manifest that two signed and that asks for what its role may not vouch for."""
    files = catalog_files(6, ["900001"])
    manifest = json.loads(files[MANIFEST])
    manifest["tables"][0]["path"] = "firmware/1.1.0/image"
    named = {MANIFEST: json.dumps(manifest).encode(), "firmware/1.1.0/image": files["catalog/6.bin"]}
    hostile.publish("catalog", named, fleet.custodians("catalog"))
    assert await singing.look() == rejected("CONTENT_UNTRUSTED", 6)


async def test_mix_and_match_of_metadata(singing: Box, fleet: PublishedFleet) -> None:
    """The bytes of one edition under the version of another."""
    metadata = fleet.publisher.folder.metadata
    fleet.publish_catalog(6, ["900001"])
    version = fleet.publisher.folder.versions()["catalog"]
    metadata.joinpath(f"{version}.catalog.json").write_bytes(
        metadata.joinpath(f"{version - 1}.catalog.json").read_bytes()
    )
    assert await singing.look() == rejected("CATALOG_ROLLBACK", 0)
    assert singing.catalog.find("900001") is None


@pytest.mark.parametrize("suffix", ["timestamp.json", "snapshot.json", "catalog.json", "manifest.json", "6.bin"])
async def test_slow_retrieval(singing: Box, fleet: PublishedFleet, server: TufServer, suffix: str) -> None:
    """Every byte has its time: a server that sends one by one, each in 20 s of the box's clock, is given up."""
    fleet.publish_catalog(6, SONGS)

    def slow(answer: BaseHTTPRequestHandler, data: bytes) -> bool:
        singing.passes_ms = 20_000
        answer.send_response(200)
        answer.send_header("Content-Length", str(len(data)))
        answer.end_headers()
        answer.close_connection = True
        with contextlib.suppress(OSError):
            for byte in data:
                answer.wfile.write(bytes([byte]))
        return True

    server.misbehave = {suffix: slow}
    assert await singing.look() == []
    assert server.requests[-1].endswith(suffix)
    server.misbehave, singing.passes_ms = {}, 0
    assert await singing.look() == [CatalogLoaded(epoch=6, entries=len(SONGS))]


async def test_wrong_software(box: Box, fleet: PublishedFleet, hostile: HostileFleet) -> None:
    """Signed, whole, and another version or another kind of thing than was asked for."""
    old = bundle_files("1.0.9", b"old", "board", 1)
    named = old | {"firmware/1.1.0/manifest.json": old["firmware/1.0.9/manifest.json"]}
    hostile.publish("firmware", named, fleet.custodians("firmware"))
    assert await box.refused("1.1.0") == "UPDATE_UNTRUSTED"
    hostile.publish("catalog", {MANIFEST: (fleet.keys / "policy.json").read_bytes()}, fleet.custodians("catalog"))
    events = await box.look()
    assert [type(event) for event in events] == [PolicyLoaded, ContentRejected]
    assert events[1].code == "DOCUMENT_MALFORMED"


@pytest.mark.parametrize(
    "garbage", [b"", b"<html>", b"{}", b'{"signed":{},"signatures":[]}', b"[" * 50_000, b"\xff" * 99]
)
async def test_malicious_mirror(singing: Box, fleet: PublishedFleet, server: TufServer, garbage: bytes) -> None:
    """Whatever it answers, the box keeps what it has, and takes the next honest answer."""
    fleet.publish_catalog(6, ["900001"])

    def lie(answer: BaseHTTPRequestHandler, _data: bytes) -> bool:
        answer_with(answer, garbage)
        return True

    for suffix in ("timestamp.json", "snapshot.json", "catalog.json", "manifest.json", "6.bin"):
        server.misbehave = {suffix: lie}
        await singing.look()
        assert singing.catalog.find("000001") is not None
        assert singing.catalog.find("900001") is None
    server.misbehave = {}
    assert await singing.look() == [CatalogLoaded(epoch=6, entries=1)]


@pytest.mark.parametrize("role", ["policy", "catalog", "firmware"])
async def test_key_compromise_below_the_threshold(
    singing: Box, fleet: PublishedFleet, hostile: HostileFleet, role: str
) -> None:
    """Both online keys, one custodian of the role, and every custodian of the others."""
    others = [fleet.keys / f"{name}-{n}.pem" for name in ("policy", "catalog", "firmware", "root") for n in (1, 2, 3)]
    keys = [key for key in others if not key.name.startswith(role)] + fleet.custodians(role)[:1]
    files = catalog_files(6, ["900001"]) if role == "catalog" else bundle_files("1.1.0", b"evil", "board", 1)
    if role == "policy":
        changed = (fleet.keys / "policy.json").read_bytes().replace(b'"epoch":1', b'"epoch":9')
        files = {"policy/authority.json": changed}
    hostile.publish(role, files, keys)
    events = [] if role == "firmware" else await singing.look()
    assert not any(isinstance(event, CatalogLoaded | PolicyLoaded) for event in events)
    assert await singing.refused("1.1.0") == "UPDATE_UNTRUSTED"
