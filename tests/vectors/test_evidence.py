"""A journal is verified from SPEC 16 alone: by a reader in another language, with nothing but the file and the root."""

import shutil
import subprocess
from pathlib import Path

import pytest

from device.crypto.p256 import SigningKey
from device.protocol.envelope import seal
from device.protocol.journal import Checkpoint
from tests.fleet_server.repository.published import PublishedFleet
from tests.provisioning.evidence_builder import BOX, Evidence, box_certificate

SCRIPT = Path(__file__).parent / "strangers" / "evidence.mjs"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> PublishedFleet:
    return PublishedFleet(tmp_path_factory.mktemp("fleet"))


@pytest.fixture
def evidence(fleet: PublishedFleet) -> Evidence:
    return Evidence(fleet)


def verdict(evidence: Evidence, root: bytes, folder: Path) -> str:
    """What the stranger says; its manifest always fits, as a forger's would."""
    if shutil.which("node") is None:
        pytest.skip("node is missing: it runs the strangers' reader")
    (folder / "root.json").write_bytes(root)
    command = ["node", str(SCRIPT), str(folder / "root.json"), str(evidence.write(folder / "evidence.tar"))]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    said = answer.stdout.strip()
    assert (answer.returncode == 0) == said.startswith("VALID"), answer.stderr
    return said


def test_16_2_sound_evidence_is_valid(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path) -> None:
    assert verdict(evidence, fleet.root, tmp_path) == "VALID 20 entries, 9 counted"


def test_16_2_evidence_from_the_middle_is_valid(fleet: PublishedFleet, tmp_path: Path) -> None:
    assert verdict(Evidence(fleet, entries_count=12, first=35), fleet.root, tmp_path) == "VALID 12 entries, 6 counted"


@pytest.mark.parametrize("seq", [0, 7, 19])
def test_16_2_the_first_bad_entry_is_named(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path, seq: int) -> None:
    changed = evidence.lines[seq].replace(b'"rtc_ms":1', b'"rtc_ms":2')
    evidence.files["entries.jsonl"] = evidence.files["entries.jsonl"].replace(evidence.lines[seq], changed)
    assert verdict(evidence, fleet.root, tmp_path).startswith(f"BAD 1-{seq}: the box has signed another head")


def test_16_2_a_left_out_entry_is_missed(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path) -> None:
    evidence.files["entries.jsonl"] = evidence.files["entries.jsonl"].replace(evidence.lines[6] + b"\n", b"")
    assert verdict(evidence, fleet.root, tmp_path).startswith("BAD 1-6: ")


def test_16_2_the_end_is_signed(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path) -> None:
    del evidence.files["checkpoints/20.json"]
    assert verdict(evidence, fleet.root, tmp_path) == "BAD 1-15: the box has not signed it"


def test_16_2_only_the_box_signs_its_head(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path) -> None:
    forged = Checkpoint(box=BOX, epoch=1, size=5, head="0" * 64, at_ms=None, boot=1, counter=1, ended=False)
    evidence.files["checkpoints/5.json"] = seal("checkpoint", forged.encode(), [SigningKey.generate()]).encode()
    assert verdict(evidence, fleet.root, tmp_path).startswith("BAD checkpoints/5.json: SIGNER_UNKNOWN")


def test_16_2_a_box_without_certificate_is_none(
    evidence: Evidence, fleet: PublishedFleet, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = PublishedFleet(tmp_path_factory.mktemp("other"))
    evidence.files["box.pem"] = box_certificate(other.data / "keys", evidence.key, BOX)
    assert verdict(evidence, fleet.root, tmp_path).startswith("BAD no authority of the policy")
    assert verdict(Evidence(fleet), other.root, tmp_path) == "BAD the root is another one than that given"


def test_5_2_the_policy_is_what_was_signed(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path) -> None:
    evidence.files["policy.json"] += b" "
    assert verdict(evidence, fleet.root, tmp_path) == "BAD policy.json is not what was signed"
