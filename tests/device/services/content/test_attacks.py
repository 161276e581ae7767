"""What the box does not take from a hostile fleet or network by our own rules (SPEC 5.1, 5.3, 8.1); TUF's attacks stand
by their names in `test_tuf_attacks.py` and `test_tuf_conformance.py`.
"""

import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from device.core.events import CatalogLoaded, ContentRejected, PolicyLoaded
from device.crypto.p256 import SigningKey
from device.drivers.folder import Folder
from device.drivers.policy_store import PolicyStore
from device.protocol.errors import ProtocolError
from device.services.content import Content, require_root
from device.services.content_on_disk import ContentOnDisk
from hil_tests.bench.hostile_fleet import HostileFleet, signer_of
from tests.device.services.content.rig import SONGS, Box, answer_with, endless
from tests.device.services.content.tuf_server import TufServer
from tests.fleet_server.repository.published import PublishedFleet, bundle_files, catalog_files


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


SPELLINGS: dict[str, tuple[bytes, bytes]] = {
    "a name twice": (b'"version"', b'"version":9,"version"'),
    "no number": (b'"x":1', b'"x":NaN'),
    "a fraction": (b'"x":1', b'"x":1.0'),
    "a lone surrogate": (b'"x":1', b'"x":"\\ud800","x":1'),
    "too deep": (b'"x":1', b'"x":' + b"[" * 20 + b"]" * 20 + b',"x":1'),
    "a truth value": (b'"x":1', b'"version":true'),
}


def spelled_compactly(raw: bytes) -> bytes:
    """With a name more than TUF knows, outside of what is signed."""
    return json.dumps(json.loads(raw) | {"x": 1}, separators=(",", ":")).encode()


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_metadata_is_as_strict_as_any_document(
    box: Box, fleet: PublishedFleet, server: TufServer, spelling: str
) -> None:
    """5.1: TUF's own reader would take each of these."""
    old, new = SPELLINGS[spelling]

    def respell(answer: BaseHTTPRequestHandler, data: bytes) -> bool:
        raw = spelled_compactly(data)
        assert old in raw
        answer_with(answer, raw.replace(old, new, 1))
        return True

    server.misbehave["/timestamp.json"] = respell
    assert await box.look() == [ContentRejected(what="catalog", epoch=0, code="CONTENT_UNTRUSTED")]

    def add(answer: BaseHTTPRequestHandler, data: bytes) -> bool:
        answer_with(answer, spelled_compactly(data))
        return True

    server.misbehave["/timestamp.json"] = add
    assert ContentRejected(what="catalog", epoch=0, code="CONTENT_UNTRUSTED") not in await box.look()


def test_a_root_is_as_strict_as_any_document(fleet: PublishedFleet) -> None:
    require_root(fleet.root)
    with pytest.raises(ProtocolError, match="CONTENT_UNTRUSTED"):
        require_root(fleet.root.replace(b'"version"', b'"version":9,"version"', 1))


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
            kept=ContentOnDisk(box.catalog, PolicyStore(Folder(tmp_path), box.secret)),
            folder=tmp_path,
            trust=tmp_path,
            root=root.to_bytes(),
            fleet_url=box.server.url,
            fleet_ca=box.server.ca,
            mono_ms=lambda: 0,
            proven_ms=lambda: None,
        )
    assert caught.value.code == "ROOT_DUPLICATE_KEY"


async def test_endless_data_in_metadata(box: Box, server: TufServer) -> None:
    server.misbehave["timestamp.json"] = endless
    assert await box.look() == [ContentRejected(what="catalog", epoch=0, code="CONTENT_UNTRUSTED")]


async def test_endless_data_in_a_target(box: Box, fleet: PublishedFleet, server: TufServer) -> None:
    fleet.publish_catalog(5, SONGS)
    server.misbehave["5.bin"] = endless
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
    }
    hostile.publish("catalog", mixed, fleet.custodians("catalog"))
    assert await box.look() == [ContentRejected(what="catalog", epoch=6, code="CONTENT_UNTRUSTED")]
    assert box.catalog.find("900001") is not None


async def test_one_flipped_bit_in_a_target(box: Box, fleet: PublishedFleet, server: TufServer) -> None:
    fleet.publish_catalog(5, SONGS)

    def flip(answer: BaseHTTPRequestHandler, data: bytes) -> bool:
        answer_with(answer, data[:100_000] + bytes([data[100_000] ^ 1]) + data[100_001:])
        return True

    server.misbehave["5.bin"] = flip
    assert ContentRejected(what="catalog", epoch=5, code="CONTENT_UNTRUSTED") in await box.look()
    del server.misbehave["5.bin"]
    assert await box.look() == [CatalogLoaded(epoch=5, entries=len(SONGS))]


@pytest.mark.parametrize("hashes", [{"sha512": "00" * 64}, {"sha256": "../../../evil"}, {"sha256": "00" * 31}])
async def test_a_target_without_a_sound_hash_is_refused(
    box: Box, fleet: PublishedFleet, hostile: HostileFleet, hashes: dict[str, str]
) -> None:
    """Signed by both custodians, and still no file name and no address is made of it."""
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    target = TargetFile(7, hashes, "catalog/manifest.json")
    role = Targets(version=2, expires=expires, targets={"catalog/manifest.json": target})
    hostile.publish_role("catalog", role, fleet.custodians("catalog"))
    events = await box.look()
    assert events[1:] == [ContentRejected(what="catalog", epoch=0, code="CONTENT_UNTRUSTED")]


async def test_a_fleet_of_another_ca_is_not_spoken_to(box: Box, server: TufServer) -> None:
    impostor = TufServer(server.folder, 1, (box.fleet.data / "keys" / "fleet-ca.pem").read_bytes())
    impostor.url = server.url
    box.server = impostor
    box.restart()
    assert await box.look() == []
    assert server.requests == []


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
