"""Rotating the root of trust, until a box has followed (SPEC 5.4)."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import Metadata, Root, Targets

from device.protocol.errors import ProtocolError
from fleet_server.repository import Publisher, RepositoryFolder, store, take_in
from provisioning import ceremony, clock, durable, key_files, rotation
from provisioning.errors import ProvisioningError
from provisioning.rotation import Rotated
from tests.fleet_server.repository.published import PublishedFleet


@pytest.fixture
def fleet(tmp_path: Path) -> PublishedFleet:
    return PublishedFleet(tmp_path)


def rotate(
    fleet: PublishedFleet, version: int = 2, keys: tuple[str, ...] = ("root-1", "root-2"), *replaced: int
) -> Rotated:
    files = [fleet.keys / f"{name}.pem" for name in keys]
    return rotation.rotate(fleet.keys, fleet.data, version, files, list(replaced), clock.now_ms())


def taken(fleet: PublishedFleet) -> list[str]:
    return take_in(fleet.publisher, clock.now_ms())


def root_of(fleet: PublishedFleet) -> Metadata[Root]:
    return fleet.publisher.folder.root()


def code_of(run: Callable[[], Any]) -> str:
    with pytest.raises(ProvisioningError) as caught:
        run()
    return caught.value.code


def test_5_4_a_custodian_is_replaced(fleet: PublishedFleet) -> None:
    before = root_of(fleet).signed.roles["root"].keyids
    outcome = rotate(fleet, 2, ("root-1", "root-2"), 3)
    assert outcome.made == ("root-3-v2.pem", "targets-2.json", "root-2.json")
    assert taken(fleet) == ["root-2"]
    after = root_of(fleet).signed
    assert after.version == 2
    assert after.roles["root"].keyids[:2] == before[:2]
    new = key_files.load(fleet.keys / "root-3-v2.pem").key.keyid
    assert after.roles["root"].keyids[2] == after.roles["targets"].keyids[2] == new
    assert before[2] not in after.keys
    assert fleet.publisher.folder.versions()["targets"] == 2
    assert ceremony.newest_root(fleet.keys) == (2, fleet.keys / "root-2.json")


def test_5_4_without_a_replacement_the_life_is_renewed(fleet: PublishedFleet) -> None:
    before = root_of(fleet).signed
    rotate(fleet)
    taken(fleet)
    after = root_of(fleet).signed
    assert (after.version, after.keys) == (2, before.keys)
    assert after.expires >= before.expires


def test_5_4_all_three_are_replaced_and_the_old_keys_make_no_root_any_more(fleet: PublishedFleet) -> None:
    rotate(fleet, 2, ("root-1", "root-2"), 1, 2, 3)
    taken(fleet)
    assert code_of(lambda: rotate(fleet, 3, ("root-1", "root-2"))) == "SIGNER_UNKNOWN"
    rotate(fleet, 3, ("root-1-v2", "root-3-v2"), 2)
    assert taken(fleet) == ["root-3"]
    assert root_of(fleet).signed.version == 3


def test_two_rotations_may_wait(fleet: PublishedFleet) -> None:
    rotate(fleet, 2, ("root-1", "root-2"), 3)
    rotate(fleet, 3, ("root-1", "root-3-v2"), 2)
    assert taken(fleet) == ["root-2", "root-3"]
    assert fleet.publisher.folder.versions()["targets"] == 3


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        (("root-1",), "THRESHOLD_SHORT"),
        (("root-1", "root-1"), "THRESHOLD_SHORT"),
        (("root-1", "policy-1"), "SIGNER_UNKNOWN"),
        (("root-1", "nobody"), "KEY_FILE"),
    ],
)
def test_a_rotation_that_the_root_in_force_does_not_sign_is_refused(
    fleet: PublishedFleet, keys: tuple[str, ...], code: str
) -> None:
    assert code_of(lambda: rotate(fleet, 2, keys, 3)) == code
    assert not list(fleet.keys.glob("root-*.json"))
    assert taken(fleet) == []


@pytest.mark.parametrize("version", [0, 1, 3])
def test_versions_follow_each_other(fleet: PublishedFleet, version: int) -> None:
    assert code_of(lambda: rotate(fleet, version)) == "ROOT_VERSION"


def test_a_rotation_of_the_custodians_is_not_one_of_the_online_keys(fleet: PublishedFleet) -> None:
    rotate(fleet, 2, ("root-1", "root-2"))
    files = [fleet.keys / f"root-{number}.pem" for number in (1, 2)]
    for online in (rotation.ONLINE, ("snapshot",)):
        again = partial(rotation.rotate, fleet.keys, fleet.data, 2, files, [], clock.now_ms(), online)
        assert code_of(again) == "ROOT_UNSOUND"
    assert not list((fleet.data / "keys").glob("*-v*.pem"))


@pytest.mark.parametrize("number", [0, 4])
def test_there_are_three_custodians(fleet: PublishedFleet, number: int) -> None:
    assert code_of(lambda: rotate(fleet, 2, ("root-1", "root-2"), number)) == "CUSTODIAN_UNKNOWN"


def test_a_finished_rotation_run_again_changes_nothing(fleet: PublishedFleet) -> None:
    first = rotate(fleet, 2, ("root-1", "root-2"), 3)
    taken(fleet)
    before = files_of(fleet)
    again = rotate(fleet, 2, ("root-1", "root-2"), 3)
    assert (again.made, again.root_sha256) == ((), first.root_sha256)
    assert files_of(fleet) == before
    assert taken(fleet) == []


def test_another_rotation_of_the_same_version_is_refused(fleet: PublishedFleet) -> None:
    rotate(fleet, 2, ("root-1", "root-2"), 3)
    assert code_of(lambda: rotate(fleet, 2, ("root-1", "root-2"), 2)) == "ROOT_UNSOUND"


def test_a_fleet_with_another_root_of_the_version_is_told(fleet: PublishedFleet, tmp_path: Path) -> None:
    rotate(fleet, 2, ("root-1", "root-2"), 3)
    taken(fleet)
    (fleet.keys / "root-2.json").unlink()
    (fleet.keys / "root-3-v2.pem").unlink()
    assert code_of(lambda: rotate(fleet, 2, ("root-1", "root-2"), 3)) == "CEREMONY_OTHER_ROOT"


class PowerCutError(Exception):
    pass


def cut_at(monkeypatch: pytest.MonkeyPatch, module: Any, number: int) -> None:
    """The power goes before write `number` of a module."""
    write, left = module.write, [number]

    def until(*arguments: Any) -> None:
        if left[0] == 0:
            raise PowerCutError
        left[0] -= 1
        write(*arguments)

    monkeypatch.setattr(module, "write", until)


WRITES_OF_A_ROTATION = 5  # a key, two documents, the same two handed over


@pytest.mark.parametrize("number", range(WRITES_OF_A_ROTATION + 1))
def test_a_rotation_that_was_cut_short_is_run_again(
    fleet: PublishedFleet, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with monkeypatch.context() as patch:
        cut_at(patch, durable, number)
        if number < WRITES_OF_A_ROTATION:
            with pytest.raises(PowerCutError):
                rotate(fleet, 2, ("root-1", "root-2"), 3)
        else:
            rotate(fleet, 2, ("root-1", "root-2"), 3)
    rotate(fleet, 2, ("root-1", "root-2"), 3)
    assert taken(fleet) == ["root-2"]
    assert root_of(fleet).to_bytes() == Metadata[Root].from_file(str(fleet.keys / "root-2.json")).to_bytes()


@pytest.mark.parametrize("number", range(4))
def test_a_publication_that_was_cut_short_is_taken_in_again(
    fleet: PublishedFleet, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Targets, root, snapshot, timestamp; the server starts again and finds what still waits."""
    rotate(fleet, 2, ("root-1", "root-2"), 1, 2)
    with monkeypatch.context() as patch:
        cut_at(patch, store, number)
        with pytest.raises(PowerCutError):
            taken(fleet)
    publisher = Publisher(RepositoryFolder(fleet.data / "tuf"), fleet.data / "keys")
    assert take_in(publisher, clock.now_ms()) == ["root-2"]
    assert (publisher.folder.root().signed.version, publisher.folder.versions()["targets"]) == (2, 2)


def test_5_4_a_root_of_new_keys_alone_is_not_published(fleet: PublishedFleet, tmp_path: Path) -> None:
    other = PublishedFleet(tmp_path / "other")
    rotate(other, 2, ("root-1", "root-2"), 1, 2, 3)
    raw = (other.keys / "root-2.json").read_bytes()
    with pytest.raises(ProtocolError, match="ROOT_UNSOUND"):
        fleet.publisher.publish({"2.root.json": raw}, {}, clock.now_ms())
    assert root_of(fleet).signed.version == 1


def test_the_policy_goes_on_under_a_new_root(fleet: PublishedFleet) -> None:
    rotate(fleet, 2, ("root-1", "root-2"), 1, 2)
    taken(fleet)
    fleet.publish_catalog(5, ["S1"])
    assert fleet.publisher.folder.role("catalog").signed.version == 2
    targets = Metadata[Targets].from_bytes(fleet.publisher.folder.role_bytes("targets"))
    root_of(fleet).signed.verify_delegate("targets", targets.signed_bytes, targets.signatures)


def files_of(fleet: PublishedFleet) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (*fleet.keys.rglob("*"), *fleet.data.rglob("*")) if path.is_file()}
