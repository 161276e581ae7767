"""The repository while the server runs."""

from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root

from device.crypto.p256 import SigningKey
from device.protocol.policy import AuthorityPolicy
from fleet_server.fleet import Fleet
from fleet_server.repository import worker as repository_worker
from fleet_server.repository.worker import bring_up_to_date
from provisioning import ceremony, clock, key_files
from provisioning.people import read_people
from tests.fleet_server.fake_box import eventually
from tests.fleet_server.repository.published import PublishedFleet
from tests.provisioning.fleet_folder import PEOPLE, a_people_file

DAY_MS = 24 * 3600 * 1000


class Bell:
    """A carrier that notes what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    def send(self, topic: str, payload: bytes) -> None:
        self.sent.append((topic, payload))

    def disconnect(self, box: str) -> None:
        pass


@pytest.fixture
def bell(fleet: Fleet) -> Bell:
    bell = Bell()
    fleet.downlink.connect(bell)
    return bell


def hold(fleet: Fleet, keys: Path, text: str = PEOPLE) -> None:
    ceremony.hold(keys, fleet.data, read_people(a_people_file(keys.parent, text)), fleet.clock.now_ms())


def test_a_ceremony_is_taken_in_published_and_rung(fleet: Fleet, bell: Bell, tmp_path: Path) -> None:
    bring_up_to_date(fleet)
    assert bell.sent == []
    hold(fleet, tmp_path / "ceremony")
    bring_up_to_date(fleet)
    assert bell.sent == [("v1/dn/all/look", b'{"v":1}')]
    assert AuthorityPolicy.decode((fleet.data / "policy.json").read_bytes()).epoch == 1
    bring_up_to_date(fleet)
    assert len(bell.sent) == 1


def test_a_policy_update_reaches_policy_json(fleet: Fleet, bell: Bell, tmp_path: Path) -> None:
    keys = tmp_path / "ceremony"
    hold(fleet, keys)
    bring_up_to_date(fleet)
    people = read_people(a_people_file(tmp_path, PEOPLE + "[rules]\ncut_song_s = 30\n"))
    signers = [keys / "policy-1.pem", keys / "policy-2.pem"]
    ceremony.update_policy(keys, fleet.data, people, signers, fleet.clock.now_ms())
    bring_up_to_date(fleet)
    assert AuthorityPolicy.decode((fleet.data / "policy.json").read_bytes()).rules.cut_song_s == 30
    assert len(bell.sent) == 2


def test_the_timestamp_is_signed_again_before_it_expires(fleet: Fleet, tmp_path: Path) -> None:
    hold(fleet, tmp_path / "ceremony")
    bring_up_to_date(fleet)
    now_ms = fleet.clock.now_ms()
    folder = fleet.publisher.folder
    before = folder.timestamp().signed
    assert not fleet.publisher.refresh(now_ms + DAY_MS)
    assert fleet.publisher.refresh(now_ms + 2 * DAY_MS)
    assert folder.timestamp().signed.version == before.version + 1
    assert folder.timestamp().signed.expires > before.expires
    assert folder.versions() == {"targets": 1, "policy": 1, "catalog": 1, "firmware": 1}


@pytest.mark.parametrize("raw", [b"", b"{", b"{}", b'{"signed":{},"signatures":[]}'])
async def test_a_damaged_repository_is_said_and_the_server_goes_on(
    fleet: Fleet, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, raw: bytes
) -> None:
    hold(fleet, tmp_path / "ceremony")
    monkeypatch.setattr(repository_worker, "LOOK_EVERY_S", 0.01)
    async with repository_worker.worker(fleet):
        timestamp = fleet.publisher.folder.metadata / "timestamp.json"
        sound = timestamp.read_bytes()
        timestamp.write_bytes(raw)
        await eventually(lambda: "cannot be brought up to date" in caplog.text, "the fault is said")
        timestamp.write_bytes(sound)
        people = read_people(a_people_file(tmp_path, PEOPLE + "[rules]\ncut_song_s = 30\n"))
        keys = tmp_path / "ceremony"
        signers = [keys / "policy-1.pem", keys / "policy-2.pem"]
        ceremony.update_policy(keys, fleet.data, people, signers, fleet.clock.now_ms())
        copy = fleet.data / "policy.json"
        await eventually(
            lambda: AuthorityPolicy.decode(copy.read_bytes()).epoch == 2, "and the next policy is taken in"
        )


def test_targets_that_nothing_names_go_when_no_box_fetches_them_any_more(tmp_path: Path) -> None:
    fleet = PublishedFleet(tmp_path)
    fleet.publish_catalog(1, ["000001"])
    fleet.publish_catalog(2, ["000002"])
    old = [path for path in (fleet.data / "tuf" / "targets" / "catalog").iterdir() if path.name.endswith(".1.bin")]
    old_role = fleet.publisher.folder.role("catalog").signed
    assert "catalog/1.bin" in old_role.targets, "this edition still names it"
    now_ms = clock.now_ms()
    assert fleet.publisher.refresh(now_ms + 9 * DAY_MS)
    assert old[0].exists()
    (fleet.data / "tuf" / "targets" / "catalog" / "stray.bin").write_bytes(b"of an edition long past")
    assert fleet.publisher.refresh(now_ms + 18 * DAY_MS)
    assert not (fleet.data / "tuf" / "targets" / "catalog" / "stray.bin").exists()
    assert old[0].exists()


def test_a_root_with_one_key_under_two_ids_is_set_aside(fleet: Fleet, tmp_path: Path) -> None:
    """5.1, asked by the server too: whoever made this root did not use our ceremony."""
    keys = tmp_path / "ceremony"
    hold(fleet, keys)
    path = fleet.data / "tuf" / "incoming" / "ceremony" / "metadata" / "1.root.json"
    root = Metadata[Root].from_bytes(path.read_bytes())
    twin = CryptoSigner(SigningKey.load(keys / "root-1.pem").private)
    root.signed.add_key(twin.public_key, "root")
    root.signatures.clear()
    for signer in (twin, key_files.tuf_signer(key_files.load(keys / "root-1.pem"))):
        root.sign(signer, append=True)
    path.write_bytes(root.to_bytes())
    bring_up_to_date(fleet)
    reason = fleet.data / "tuf" / "refused" / "ceremony" / "reason.txt"
    assert "ROOT_DUPLICATE_KEY" in reason.read_text()
    assert not fleet.publisher.folder.is_published()


@pytest.mark.parametrize("name", ["1.targets.json", "1.catalog.json", "1.root.json"])
def test_a_hand_over_with_a_changed_byte_is_set_aside(fleet: Fleet, bell: Bell, tmp_path: Path, name: str) -> None:
    hold(fleet, tmp_path / "ceremony")
    path = fleet.data / "tuf" / "incoming" / "ceremony" / "metadata" / name
    path.write_bytes(path.read_bytes().replace(b'"version": 1', b'"version": 2'))
    bring_up_to_date(fleet)
    assert (fleet.data / "tuf" / "refused" / "ceremony" / "reason.txt").exists()
    assert not fleet.publisher.folder.is_published()
    assert bell.sent == []
