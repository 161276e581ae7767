"""What tuf-conformance and python-tuf ask of a client, by their names, asked of the box's own (security.md 1.1)."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root, Targets

from device.core.events import CatalogLoaded, ContentRejected
from device.crypto.p256 import SigningKey
from hil_tests.bench.hostile_fleet import HostileFleet
from tests.device.services.content.rig import SONGS, Box
from tests.device.services.content.signed_anew import Roots
from tests.fleet_server.repository.published import PublishedFleet, catalog_files

UNTRUSTED = [ContentRejected(what="catalog", epoch=5, code="CONTENT_UNTRUSTED")]


def nothing(_root: Root) -> None:
    """A root that changes nothing but its version."""


def expired(root: Root) -> None:
    root.expires = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
async def singing(box: Box, fleet: PublishedFleet) -> Box:
    """A box with the catalog of epoch 5, and epoch 6 waiting for it."""
    fleet.publish_catalog(5, SONGS)
    await box.look()
    fleet.publish_catalog(6, ["900001"])
    return box


@pytest.fixture
def roots(fleet: PublishedFleet) -> Roots:
    return Roots(fleet)


def trusted_root(box: Box) -> int:
    """Version of the root that the box goes by."""
    return Metadata[Root].from_file(str(box.folder / "trust" / "root.json")).signed.version


async def takes_it(box: Box) -> bool:
    return await box.look() == [CatalogLoaded(epoch=6, entries=1)]


async def test_root_rotation(singing: Box, roots: Roots, fleet: PublishedFleet) -> None:
    """To other custodians, by those of before and those of after."""
    new = [fleet.keys / "root-2.pem", fleet.keys / "root-3.pem"]

    def without_the_first(root: Root) -> None:
        for role in (Root.type, "targets"):
            root.revoke_key(SigningKey.load(roots.custodians[0]).key.keyid, role)

    roots.rotate(without_the_first, [*roots.custodians, *new[1:]])
    assert await takes_it(singing)
    assert trusted_root(singing) == 2
    roots.rotate(nothing, roots.custodians)
    assert await singing.look() == [ContentRejected(what="catalog", epoch=6, code="CONTENT_UNTRUSTED")]
    assert trusted_root(singing) == 2, "one of these two is a custodian no more"


async def test_root_rotation_unsigned_by_old(singing: Box, roots: Roots, tmp_path: Path) -> None:
    keys = [tmp_path / f"stranger-{number}.pem" for number in range(2)]
    for key in keys:
        SigningKey.generate().save(key)

    def to_strangers(root: Root) -> None:
        for keyid in list(root.roles[Root.type].keyids):
            root.revoke_key(keyid, Root.type)
        for key in keys:
            root.add_key(CryptoSigner(SigningKey.load(key).private).public_key, Root.type)

    roots.rotate(to_strangers, keys)
    assert await singing.look() == UNTRUSTED
    assert trusted_root(singing) == 1


async def test_root_rotation_unsigned_by_new(singing: Box, roots: Roots, fleet: PublishedFleet) -> None:
    def three_must_sign(root: Root) -> None:
        root.roles[Root.type].threshold = 3

    roots.rotate(three_must_sign, roots.custodians)
    assert await singing.look() == UNTRUSTED
    roots.metadata.joinpath("2.root.json").unlink()
    roots.rotate(three_must_sign, [*roots.custodians, fleet.keys / "root-3.pem"])
    assert await takes_it(singing)


async def test_intermediate_root_incorrectly_signed(singing: Box, roots: Roots) -> None:
    roots.rotate(nothing, roots.custodians[:1])
    roots.rotate(nothing, roots.custodians)
    assert await singing.look() == UNTRUSTED
    assert trusted_root(singing) == 1


async def test_new_root_nonconsecutive_version(singing: Box, roots: Roots) -> None:
    def jump(root: Root) -> None:
        root.version = 3

    roots.rotate(jump, roots.custodians, name=2)
    assert (await singing.look())[0].code == "CATALOG_ROLLBACK"
    assert trusted_root(singing) == 1


async def test_new_root_same_version(singing: Box, roots: Roots) -> None:
    roots.metadata.joinpath("2.root.json").write_bytes(roots.metadata.joinpath("1.root.json").read_bytes())
    assert (await singing.look())[0].code == "CATALOG_ROLLBACK"


async def test_max_root_rotations(singing: Box, roots: Roots, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many and no more. A box walks from the factory's root at every look: TUF's 256 are those of its life."""
    for _ in range(5):
        roots.rotate(nothing, roots.custodians)
    monkeypatch.setattr("device.services.content.ROOT_STEPS_MAX", 3)
    await singing.look()
    assert trusted_root(singing) == 4
    monkeypatch.undo()
    await singing.look()
    assert trusted_root(singing) == 6


async def test_intermediate_root_expired(singing: Box, roots: Roots) -> None:
    def alive(root: Root) -> None:
        root.expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)

    roots.rotate(expired, roots.custodians)
    roots.rotate(alive, roots.custodians)
    assert await takes_it(singing)


async def test_final_root_expired(singing: Box, roots: Roots) -> None:
    singing.proven_ms = int(datetime.now(UTC).timestamp() * 1000)
    roots.rotate(expired, roots.custodians)
    assert await singing.look() == []
    assert await singing.refused("1.1.0") == "CONTENT_EXPIRED"
    assert singing.catalog.find("000001") is not None


async def test_trusted_root_expired(singing: Box, roots: Roots) -> None:
    """A box that lay in a store for three years takes the roots that it missed, if they are signed in turn."""
    singing.proven_ms = int((datetime.now(UTC) + timedelta(days=3 * 365)).timestamp() * 1000)
    assert await singing.look() == []
    roots.rotate(nothing, roots.custodians)
    assert await singing.look() == []
    assert trusted_root(singing) == 2


async def test_snapshot_does_not_meet_threshold(
    singing: Box, roots: Roots, hostile: HostileFleet, tmp_path: Path
) -> None:
    SigningKey.generate().save(tmp_path / "second.pem")

    def two_must_sign(root: Root) -> None:
        root.add_key(CryptoSigner(SigningKey.load(tmp_path / "second.pem").private).public_key, "snapshot")
        root.roles["snapshot"].threshold = 2

    roots.rotate(two_must_sign, roots.custodians)
    hostile.seal({"targets": 1, "policy": 1, "catalog": 3, "firmware": 1})
    assert await singing.look() == UNTRUSTED


@pytest.mark.parametrize("role", ["timestamp", "snapshot"])
async def test_cached_role_is_verified_against_current_delegator(
    singing: Box, roots: Roots, hostile: HostileFleet, role: str
) -> None:
    """What lies in the box's cache counts no more than what comes: its key may have been taken away since."""
    roots.rotate(lambda root: roots.give_new_online_key(root, role), roots.custodians)
    assert await singing.look() == UNTRUSTED, "what the server has is of the old key, as is what the box has"
    hostile.seal({"targets": 1, "policy": 1, "catalog": 3, "firmware": 1})
    assert await takes_it(singing)


async def test_duplicate_sig_keyids(singing: Box, roots: Roots, fleet: PublishedFleet, hostile: HostileFleet) -> None:
    """One custodian's signature listed twice is one."""
    hostile.publish("catalog", catalog_files(7, ["900002"]), fleet.custodians("catalog")[:1])
    roots.edit("4.catalog.json", lambda role: role["signatures"].append(role["signatures"][0]))
    assert (await singing.look())[0].code == "CONTENT_UNTRUSTED"
    assert singing.catalog.find("900002") is None


async def test_one_key_signs_twice(singing: Box, roots: Roots, fleet: PublishedFleet, hostile: HostileFleet) -> None:
    """ECDSA gives another signature each time; the second under the id of a custodian who did not sign."""
    files = catalog_files(7, ["900002"])
    hostile.publish("catalog", files, [fleet.keys / "catalog-1.pem"])
    other = SigningKey.load(fleet.keys / "catalog-2.pem").key.keyid

    def pass_for_another(role: dict[str, Any]) -> None:
        role["signatures"].append({"keyid": other, "sig": role["signatures"][0]["sig"]})

    roots.edit("4.catalog.json", pass_for_another)
    assert (await singing.look())[0].code == "CONTENT_UNTRUSTED"


async def test_duplicate_keys(singing: Box, roots: Roots) -> None:
    """Two ids of one key in a root that follows: what TUF's own clients let pass."""

    def twin(root: Root) -> None:
        root.add_key(CryptoSigner(SigningKey.load(roots.custodians[0]).private).public_key, Root.type)

    roots.rotate(twin, roots.custodians)
    assert [event.code for event in await singing.look()] == ["ROOT_DUPLICATE_KEY"]
    assert trusted_root(singing) == 1


async def test_invalid_sig_in_valid_metadata(
    singing: Box, roots: Roots, fleet: PublishedFleet, hostile: HostileFleet
) -> None:
    """A third signature that is none takes nothing from two that are."""
    hostile.publish("catalog", catalog_files(7, ["900002"]), fleet.custodians("catalog"))
    other = SigningKey.load(fleet.keys / "catalog-2.pem").key.keyid
    roots.edit("4.catalog.json", lambda role: role["signatures"].append({"keyid": other, "sig": "30060201010201ff"}))
    assert await singing.look() == [CatalogLoaded(epoch=7, entries=1)]


async def test_metadata_bytes_match(singing: Box, roots: Roots) -> None:
    """What the box keeps is what it was given, byte for byte: nothing is written anew."""
    assert await takes_it(singing)
    trust = singing.folder / "trust"
    for name, kept in (("timestamp.json", "timestamp.json"), ("3.catalog.json", "catalog.json")):
        given = roots.metadata.joinpath(name).read_bytes()
        assert sha256(trust.joinpath(kept).read_bytes()).digest() == sha256(given).digest()


async def test_deprecated_keyid_hash_algorithms(singing: Box, roots: Roots) -> None:
    """A name of an older TUF in a key is carried along and means nothing."""

    def old_name(root: Root) -> None:
        for key in root.keys.values():
            key.unrecognized_fields["keyid_hash_algorithms"] = ["sha256", "sha512"]

    roots.rotate(old_name, roots.custodians)
    assert await takes_it(singing)


async def test_new_snapshot_hash_mismatch(singing: Box, roots: Roots, hostile: HostileFleet) -> None:
    hostile.seal({"targets": 1, "policy": 1, "catalog": 3, "firmware": 1}, snapshot_sha256="0" * 64)
    assert await singing.look() == UNTRUSTED


async def test_snapshot_rollback_with_local_snapshot_hash_mismatch(singing: Box, hostile: HostileFleet) -> None:
    """The snapshot that the box has is another than the timestamp means, and still says what versions there were."""
    versions = {"targets": 1, "policy": 1, "catalog": 3, "firmware": 1}
    hostile.seal(versions, is_hashed=True)
    assert await takes_it(singing)
    hostile.seal(versions | {"catalog": 2}, is_hashed=True)
    assert [event.code for event in await singing.look()] == ["CATALOG_ROLLBACK"]


async def test_new_targets_fast_forward_recovery(
    singing: Box, fleet: PublishedFleet, roots: Roots, hostile: HostileFleet
) -> None:
    """Custodians' keys gave the catalog a version that no honest edition reaches: another snapshot key ends it."""
    edition = Metadata[Targets].from_file(str(roots.metadata / "2.catalog.json")).signed
    edition.version = 99_999
    hostile.publish_role("catalog", edition, fleet.custodians("catalog"))
    assert await singing.look() == []
    versions = {"targets": 1, "policy": 1, "catalog": 3, "firmware": 1}
    hostile.seal(versions)
    assert [event.code for event in await singing.look()] == ["CATALOG_ROLLBACK"]
    roots.rotate(lambda root: roots.give_new_online_key(root, "snapshot"), roots.custodians)
    hostile.seal(versions)
    assert await takes_it(singing)


async def test_expired_timestamp_version_rollback(singing: Box, fleet: PublishedFleet, hostile: HostileFleet) -> None:
    """An expired timestamp in the cache still says what version there was."""
    assert await takes_it(singing)
    singing.proven_ms = int((datetime.now(UTC) + timedelta(days=30)).timestamp() * 1000)
    hostile.seal({"targets": 1, "policy": 1, "catalog": 3, "firmware": 1}, edition=1)
    assert [event.code for event in await singing.look()] == ["CATALOG_ROLLBACK"]


@pytest.mark.parametrize("role", ["timestamp.json", "snapshot.json", "targets.json", "catalog.json", "policy.json"])
async def test_metadata_of_another_type(singing: Box, roots: Roots, role: str) -> None:
    """Signed, and in a place where it does not belong: the root under every name."""
    root = roots.metadata.joinpath("1.root.json").read_bytes()
    for path in roots.metadata.glob(f"*{role}"):
        path.write_bytes(root)
    singing.folder.joinpath("trust", role).unlink(missing_ok=True)
    assert "CONTENT_UNTRUSTED" in [event.code for event in await singing.look() if isinstance(event, ContentRejected)]


@pytest.mark.parametrize("role", ["timestamp.json", "snapshot.json", "catalog.json", "2.root.json"])
async def test_max_metadata_lengths(singing: Box, roots: Roots, role: str) -> None:
    places = list(roots.metadata.glob(f"*{role}")) or [roots.metadata / role]
    for path in places:
        raw = path.read_bytes() if path.exists() else roots.metadata.joinpath("1.root.json").read_bytes()
        path.write_bytes(raw + b" " * 5_000_001)
    assert await singing.look() == [
        ContentRejected(
            what="catalog", epoch=UNTRUSTED[0].epoch if role != "catalog.json" else 0, code="CONTENT_UNTRUSTED"
        )
    ]
