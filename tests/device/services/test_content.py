"""What the box takes from the fleet, and what it does not (SPEC 5, 8.1, 13.2)."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root, Targets

from device.core.events import CatalogLoaded, ContentRejected, PolicyLoaded
from device.crypto.p256 import SigningKey
from device.drivers.catalog_file import CatalogFile
from device.protocol.errors import ProtocolError
from device.services import fleet_files
from device.services.content import Content, ContentError
from hil_tests.bench.hostile_fleet import HostileFleet, signer_of
from tests.device.services.tuf_server import TufServer, serve
from tests.fleet_server.repository.published import PublishedFleet, bundle_files, catalog_files

SONGS = [f"{number:06d}" for number in range(2_000)]


@pytest.fixture
def fleet(tmp_path: Path) -> PublishedFleet:
    return PublishedFleet(tmp_path)


@pytest.fixture
def hostile(fleet: PublishedFleet) -> HostileFleet:
    return HostileFleet(fleet.data)


@pytest.fixture
def server(fleet: PublishedFleet, tmp_path: Path) -> Iterator[TufServer]:
    with serve(fleet.data / "tuf", tmp_path) as running:
        yield running


class Box:
    """The content of one box; `restart` opens it again from disk."""

    def __init__(self, fleet: PublishedFleet, server: TufServer, folder: Path) -> None:
        self.fleet, self.server, self.folder = fleet, server, folder
        self.trusted_ms: int | None = None
        self.restart()

    def restart(self) -> list[Any]:
        self.catalog = CatalogFile(self.folder / "content")
        self.content = Content(
            catalog=self.catalog,
            folder=self.folder / "content",
            trust=self.folder / "trust",
            root=self.fleet.root,
            fleet_url=self.server.url,
            fleet_ca=self.server.ca,
            mono_ms=lambda: time.monotonic_ns() // 1_000_000,
            trusted_ms=lambda: self.trusted_ms,
        )
        return self.content.load()

    async def look(self) -> list[Any]:
        return await self.content.look()

    async def bundle(self, version: str, compatible: str = "board", security_epoch: int = 1) -> bytes:
        found = await self.content.fetch_bundle(version, compatible=compatible, security_epoch=security_epoch)
        return found.image.read_bytes()

    async def refused(self, version: str, compatible: str = "board", security_epoch: int = 1) -> str:
        with pytest.raises(ContentError) as caught:
            await self.bundle(version, compatible, security_epoch)
        return caught.value.code


@pytest.fixture
def box(fleet: PublishedFleet, server: TufServer, tmp_path: Path) -> Box:
    return Box(fleet, server, tmp_path / "box")


async def test_policy_and_catalog_come_and_stay(box: Box, fleet: PublishedFleet) -> None:
    fleet.publish_catalog(5, SONGS)
    policy, catalog = await box.look()
    assert isinstance(policy, PolicyLoaded)
    assert policy.raw == (fleet.keys / "policy.json").read_bytes()
    assert catalog == CatalogLoaded(epoch=5, entries=len(SONGS))
    assert box.catalog.find("000777") is not None
    assert box.catalog.find("999999") is None
    assert await box.look() == []
    assert box.restart() == [policy, catalog]
    assert box.catalog.find("001999") is not None


async def test_a_new_catalog_replaces_the_old(box: Box, fleet: PublishedFleet) -> None:
    fleet.publish_catalog(5, SONGS)
    await box.look()
    fleet.publish_catalog(6, ["900001"])
    assert await box.look() == [CatalogLoaded(epoch=6, entries=1)]
    assert box.catalog.find("900001") is not None
    assert box.catalog.find("000001") is None
    assert sorted(path.name for path in (box.folder / "content").glob("catalog-*")) == [
        "catalog-6.bin",
        "catalog-6.json",
        "catalog-6.pages",
    ]


async def test_8_1_a_catalog_of_a_lower_epoch_is_refused_even_if_two_custodians_sign(
    box: Box, fleet: PublishedFleet, hostile: HostileFleet
) -> None:
    fleet.publish_catalog(5, SONGS)
    await box.look()
    hostile.publish("catalog", catalog_files(4, ["900001"]), fleet.custodians("catalog"))
    assert await box.look() == [ContentRejected(what="catalog", epoch=4, code="CATALOG_ROLLBACK")]
    assert await box.look() == [], "told once"
    assert box.catalog.find("000001") is not None
    fleet.publish_catalog(6, ["900002"])
    assert await box.look() == [CatalogLoaded(epoch=6, entries=1)]


async def test_5_3_a_policy_of_a_lower_epoch_is_refused(box: Box, fleet: PublishedFleet, hostile: HostileFleet) -> None:
    await box.look()
    changed = (fleet.keys / "policy.json").read_bytes().replace(b'"epoch":1', b'"epoch":9')
    fleet.publish("policy", {"policy/authority.json": changed})
    assert await box.look() == [PolicyLoaded(raw=changed)]
    old = {"policy/authority.json": (fleet.keys / "policy.json").read_bytes()}
    hostile.publish("policy", old, fleet.custodians("policy"))
    assert await box.look() == [ContentRejected(what="policy", epoch=1, code="POLICY_ROLLBACK")]
    assert box.restart() == [PolicyLoaded(raw=changed)]


async def test_rollback_of_the_whole_repository(box: Box, fleet: PublishedFleet) -> None:
    metadata = fleet.data / "tuf" / "metadata"
    old = (metadata / "timestamp.json").read_bytes()
    fleet.publish_catalog(5, SONGS)
    await box.look()
    (metadata / "timestamp.json").write_bytes(old)
    assert await box.look() == [ContentRejected(what="catalog", epoch=5, code="CATALOG_ROLLBACK")]
    assert box.catalog.find("000001") is not None


async def test_wrong_key(box: Box, fleet: PublishedFleet, hostile: HostileFleet) -> None:
    fleet.publish_catalog(5, SONGS)
    await box.look()
    hostile.publish("catalog", catalog_files(6, ["900001"]), fleet.custodians("firmware"))
    assert await box.look() == [ContentRejected(what="catalog", epoch=0, code="CONTENT_UNTRUSTED")]
    assert box.catalog.find("900001") is None


async def test_threshold_short(box: Box, fleet: PublishedFleet, hostile: HostileFleet) -> None:
    hostile.publish("catalog", catalog_files(6, ["900001"]), fleet.custodians("catalog")[:1])
    events = await box.look()
    assert ContentRejected(what="catalog", epoch=0, code="CONTENT_UNTRUSTED") in events
    assert box.catalog.find("900001") is None


async def test_duplicate_key_id_in_a_delegation(box: Box, fleet: PublishedFleet, hostile: HostileFleet) -> None:
    """5.1: root custodians who are fooled into listing one key twice do not fool the box."""
    await box.look()
    targets = fleet.publisher.folder.role("targets").signed
    assert targets.delegations is not None
    assert targets.delegations.roles is not None
    twin = CryptoSigner(SigningKey.load(fleet.keys / "catalog-1.pem").private).public_key
    targets.delegations.keys[twin.keyid] = twin
    targets.delegations.roles["catalog"].keyids.append(twin.keyid)
    hostile.publish_role(
        "targets",
        Targets(version=2, expires=targets.expires, delegations=targets.delegations),
        [fleet.keys / "root-1.pem", fleet.keys / "root-2.pem"],
    )
    assert await box.look() == [ContentRejected(what="catalog", epoch=0, code="ROOT_DUPLICATE_KEY")]


def test_duplicate_key_id_in_the_root(box: Box, fleet: PublishedFleet, tmp_path: Path) -> None:
    root = Metadata[Root].from_bytes(fleet.root)
    twin = CryptoSigner(SigningKey.load(fleet.keys / "root-1.pem").private)
    root.signed.add_key(twin.public_key, "root")
    root.signatures.clear()
    for signer in (twin, signer_of(fleet.keys / "root-1.pem")):
        root.sign(signer, append=True)
    with pytest.raises(ProtocolError) as caught:
        Content(
            catalog=box.catalog,
            folder=tmp_path,
            trust=tmp_path,
            root=root.to_bytes(),
            fleet_url=box.server.url,
            fleet_ca=box.server.ca,
            mono_ms=lambda: 0,
            trusted_ms=lambda: None,
        )
    assert caught.value.code == "ROOT_DUPLICATE_KEY"


async def test_endless_data_in_metadata(box: Box, server: TufServer) -> None:
    server.misbehave["timestamp.json"] = _endless
    assert await box.look() == [ContentRejected(what="catalog", epoch=0, code="CONTENT_UNTRUSTED")]


async def test_endless_data_in_a_target(box: Box, fleet: PublishedFleet, server: TufServer) -> None:
    fleet.publish_catalog(5, SONGS)
    server.misbehave["5.bin"] = _endless
    events = await box.look()
    assert ContentRejected(what="catalog", epoch=5, code="CONTENT_UNTRUSTED") in events
    assert box.catalog.find("000001") is None


async def test_mix_and_match(box: Box, fleet: PublishedFleet, hostile: HostileFleet) -> None:
    """Each file was signed once, but never together."""
    old = fleet.publish_catalog(5, ["900001"])
    await box.look()
    new = catalog_files(6, SONGS)
    mixed = {
        "catalog/manifest.json": new["catalog/manifest.json"],
        "catalog/6.bin": old["catalog/5.bin"],
        "catalog/6.pages": old["catalog/5.pages"],
    }
    hostile.publish("catalog", mixed, fleet.custodians("catalog"))
    assert await box.look() == [ContentRejected(what="catalog", epoch=6, code="CONTENT_UNTRUSTED")]
    assert box.catalog.find("900001") is not None


async def test_one_flipped_bit_in_a_target(box: Box, fleet: PublishedFleet, server: TufServer) -> None:
    fleet.publish_catalog(5, SONGS)

    def flip(answer: BaseHTTPRequestHandler, data: bytes) -> bool:
        _answer(answer, data[:100_000] + bytes([data[100_000] ^ 1]) + data[100_001:])
        return True

    server.misbehave["5.bin"] = flip
    assert ContentRejected(what="catalog", epoch=5, code="CONTENT_UNTRUSTED") in await box.look()
    del server.misbehave["5.bin"]
    assert await box.look() == [CatalogLoaded(epoch=5, entries=len(SONGS))]


async def test_a_download_goes_on_where_it_was_cut_off(box: Box, fleet: PublishedFleet, server: TufServer) -> None:
    fleet.publish_catalog(5, SONGS)
    cuts = [150_000, 100_000]

    def cut(answer: BaseHTTPRequestHandler, data: bytes) -> bool:
        if not cuts:
            return False
        start = int(answer.headers.get("Range", "bytes=0-")[6:-1])
        answer.send_response(206 if start else 200)
        answer.send_header("Content-Length", str(len(data) - start))
        answer.end_headers()
        answer.wfile.write(data[start : start + cuts.pop()])
        answer.close_connection = True
        return True

    server.misbehave["5.bin"] = cut
    assert CatalogLoaded(epoch=5, entries=len(SONGS)) in await box.look()
    asked = [request for request in server.requests if ".5.bin" in request]
    assert [request.partition(" ")[2] for request in asked] == ["", "bytes=100000-", "bytes=250000-"]


async def test_expired_metadata_brings_nothing_new_and_takes_nothing_away(box: Box, fleet: PublishedFleet) -> None:
    fleet.publish_catalog(5, SONGS)
    await box.look()
    fleet.publish_catalog(6, ["900001"])
    box.trusted_ms = int((datetime.now(UTC) + timedelta(days=30)).timestamp() * 1000)
    assert await box.look() == []
    assert box.catalog.find("000001") is not None
    assert len(box.restart()) == 2


async def test_a_fleet_that_is_down_changes_nothing(box: Box, fleet: PublishedFleet, server: TufServer) -> None:
    await box.look()

    def hang_up(answer: BaseHTTPRequestHandler, _data: bytes) -> bool:
        answer.close_connection = True
        return True

    server.misbehave["timestamp.json"] = hang_up
    fleet.publish_catalog(5, SONGS)
    assert await box.look() == []


async def test_a_fleet_of_another_ca_is_not_spoken_to(box: Box, server: TufServer) -> None:
    impostor = TufServer(server.folder, 1, (box.fleet.data / "keys" / "fleet-ca.pem").read_bytes())
    impostor.url = server.url
    box.server = impostor
    box.restart()
    assert await box.look() == []
    assert server.requests == []


async def test_8_3_a_page_that_was_changed_on_disk_lists_nothing_and_is_fetched_again(
    box: Box, fleet: PublishedFleet
) -> None:
    fleet.publish_catalog(5, SONGS)
    await box.look()
    path = box.folder / "content" / "catalog-5.bin"
    raw = bytearray(path.read_bytes())
    raw[-100] ^= 1
    path.write_bytes(raw)
    box.restart()
    found = [song for song in SONGS if box.catalog.find(song) is not None]
    assert len(found) < len(SONGS)
    assert box.catalog.is_damaged()
    assert await box.look() == [CatalogLoaded(epoch=5, entries=len(SONGS))]
    assert all(box.catalog.find(song) is not None for song in SONGS)


@pytest.mark.parametrize("name", ["CURRENT", "catalog-5.json", "catalog-5.pages", "catalog-5.bin"])
async def test_a_catalog_that_cannot_be_opened_is_fetched_again(box: Box, fleet: PublishedFleet, name: str) -> None:
    fleet.publish_catalog(5, SONGS)
    await box.look()
    path = box.folder / "content" / name
    path.write_bytes(b"x" + path.read_bytes()[2:])
    assert len(box.restart()) == 1
    assert box.catalog.find("000001") is None
    assert await box.look() == [CatalogLoaded(epoch=5, entries=len(SONGS))]
    assert box.catalog.find("000001") is not None


async def test_a_bundle_comes_whole(box: Box, fleet: PublishedFleet) -> None:
    fleet.publish_bundle("1.1.0", b"image" * 10_000)
    assert await box.bundle("1.1.0") == b"image" * 10_000


async def test_bundles_that_are_not_for_this_box(box: Box, fleet: PublishedFleet) -> None:
    fleet.publish_bundle("1.1.0", b"image", compatible="other")
    assert await box.refused("1.1.0") == "UPDATE_INCOMPATIBLE"
    assert await box.refused("1.2.0") == "UPDATE_UNTRUSTED"
    fleet.publish_bundle("1.3.0", b"image", security_epoch=1)
    assert await box.refused("1.3.0", security_epoch=2) == "UPDATE_DOWNGRADE"


async def test_a_bundle_signed_by_the_wrong_keys_is_rejected(
    box: Box, fleet: PublishedFleet, hostile: HostileFleet
) -> None:
    hostile.publish("firmware", bundle_files("1.1.0", b"evil", "board", 1), fleet.custodians("catalog"))
    assert await box.refused("1.1.0") == "UPDATE_UNTRUSTED"


async def test_a_role_may_not_vouch_outside_its_folder(box: Box, fleet: PublishedFleet, hostile: HostileFleet) -> None:
    """The catalog's custodians cannot sign firmware."""
    hostile.publish("catalog", bundle_files("1.1.0", b"evil", "board", 1), fleet.custodians("catalog"))
    assert await box.refused("1.1.0") == "UPDATE_UNTRUSTED"


async def test_an_image_that_the_manifest_does_not_name_is_rejected(
    box: Box, fleet: PublishedFleet, hostile: HostileFleet
) -> None:
    files = bundle_files("1.1.0", b"good", "board", 1) | {"firmware/1.1.0/image": b"evil"}
    hostile.publish("firmware", files, fleet.custodians("firmware"))
    assert await box.refused("1.1.0") == "UPDATE_UNTRUSTED"


async def test_slow_data_is_given_up(box: Box, fleet: PublishedFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    await box.look()
    fleet.publish_bundle("1.1.0", b"image" * 100_000)
    monkeypatch.setattr(fleet_files, "GRACE_S", -10_000)
    assert await box.refused("1.1.0") == "CONTENT_UNREACHABLE"


def _endless(answer: BaseHTTPRequestHandler, data: bytes) -> bool:
    answer.send_response(200)
    answer.end_headers()
    try:
        for _ in range(1_000):
            answer.wfile.write(data + b"\n" * 100_000)
    except OSError:
        pass
    answer.close_connection = True
    return True


def _answer(answer: BaseHTTPRequestHandler, data: bytes) -> None:
    answer.send_response(200)
    answer.send_header("Content-Length", str(len(data)))
    answer.end_headers()
    answer.wfile.write(data)
