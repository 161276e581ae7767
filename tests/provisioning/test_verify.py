"""frontbox-verify: what it proves, and how it names what is wrong (SPEC 16)."""

import json
import re
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.crypto.p256 import SigningKey
from device.protocol.codec import dumps
from provisioning.verify import cli
from provisioning.verify.archive import pack
from provisioning.verify.finding import SENTENCES, FindingError
from provisioning.verify.verification import verify_bytes, verify_evidence
from tests.fleet_server.repository.published import PublishedFleet
from tests.provisioning.evidence_builder import BOX, VENUE, Evidence, a_checkpoint, an_entry, box_certificate


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> PublishedFleet:
    return PublishedFleet(tmp_path_factory.mktemp("fleet"))


@pytest.fixture
def evidence(fleet: PublishedFleet) -> Evidence:
    return Evidence(fleet)


def finding(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path) -> FindingError:
    """The finding in this evidence; its manifest always fits, as a forger's would."""
    with pytest.raises(FindingError) as caught:
        verify_evidence(evidence.write(tmp_path / "evidence.tar"), fleet.root)
    return caught.value


def test_sound_evidence_is_valid(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path) -> None:
    verdict = verify_evidence(evidence.write(tmp_path / "evidence.tar"), fleet.root)
    assert verdict.info.box == BOX
    assert (verdict.counts.entries, verdict.counts.checkpoints, verdict.counts.acks) == (20, 4, 4)
    assert (verdict.counts.kinds["PLAY_START"], verdict.counts.counted) == (10, 9)


def test_evidence_from_the_middle_of_a_journal_is_valid(fleet: PublishedFleet, tmp_path: Path) -> None:
    evidence = Evidence(fleet, entries_count=12, first=35)
    assert verify_evidence(evidence.write(tmp_path / "evidence.tar"), fleet.root).counts.entries == 12


def test_one_flipped_bit_anywhere_is_found(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path) -> None:
    raw = evidence.write(tmp_path / "evidence.tar").read_bytes()
    flipped = tmp_path / "flipped.tar"
    for at in [*range(0, 600, 13), *range(600, len(raw), 61), len(raw) - 1]:
        flipped.write_bytes(raw[:at] + bytes([raw[at] ^ (1 << at % 8)]) + raw[at + 1 :])
        with pytest.raises(FindingError):
            verify_evidence(flipped, fleet.root)


def test_a_claim_among_the_entries_decides_the_venue(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path) -> None:
    claim = json.loads(evidence.lines[1]) | {"kind": "CLAIM", "body": {"venue": VENUE, "region": "310101"}}
    evidence.lines[1] = dumps(claim)
    evidence.sign()
    verdict = verify_evidence(evidence.write(tmp_path / "evidence.tar"), fleet.root)
    assert verdict.counts.kinds["CLAIM"] == 1
    info = json.loads(evidence.files["info.json"]) | {"venue": "J0150010300176E"}
    evidence.files["info.json"] = json.dumps(info).encode()
    assert finding(evidence, fleet, tmp_path).code == "INFO_MALFORMED"


@pytest.mark.parametrize(
    ("lang", "word"),
    [("en", "MISSING: 1-7..1-9. The box has signed"), ("zh", "缺失：记录 1-7..1-9 前置机已无法读取")],
)
def test_what_is_missing_is_said_in_the_verdict(
    fleet: PublishedFleet, tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str, word: str
) -> None:
    path, root = Evidence(fleet, gaps={7: 10, 14: 14}).write(tmp_path / "evidence.tar"), tmp_path / "root.json"
    root.write_bytes(fleet.root)
    assert cli.main([str(path), "--root", str(root), "--lang", lang]) == 0
    said = capsys.readouterr().out
    assert word in said
    assert "1-14" not in said, "where the chain only begins anew nothing is missing"
    assert cli.main([str(path), "--root", str(root), "--output", "json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["missing"], facts["gaps"]) == (3, [{"missing": 7, "seq": 10}, {"missing": 14, "seq": 14}])


@pytest.mark.parametrize(("lang", "word"), [("en", "platform's word"), ("zh", "由平台注明")])
def test_a_venue_that_no_entry_signs_is_said_to_be_the_platforms_word(
    evidence: Evidence, fleet: PublishedFleet, tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str, word: str
) -> None:
    path, root = evidence.write(tmp_path / "evidence.tar"), tmp_path / "root.json"
    root.write_bytes(fleet.root)
    assert cli.main([str(path), "--root", str(root), "--lang", lang]) == 0
    assert word in capsys.readouterr().out
    assert cli.main([str(path), "--root", str(root), "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["venue_signed"] is False


@pytest.mark.parametrize("seq", [0, 7, 13, 19])
def test_a_flipped_bit_in_an_entry_names_the_entry(
    evidence: Evidence, fleet: PublishedFleet, tmp_path: Path, seq: int
) -> None:
    changed = evidence.lines[seq].replace(b'"rtc_ms":1', b'"rtc_ms":2')
    evidence.files["entries.jsonl"] = evidence.files["entries.jsonl"].replace(evidence.lines[seq], changed)
    found = finding(evidence, fleet, tmp_path)
    assert (found.code, found.entry) == ("ENTRY_CHANGED", f"1-{seq}")


def test_an_entry_that_is_no_entry_is_named(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path) -> None:
    evidence.files["entries.jsonl"] = evidence.files["entries.jsonl"].replace(evidence.lines[7], b"{}")
    found = finding(evidence, fleet, tmp_path)
    assert (found.code, found.entry) == ("ENTRY_MALFORMED", "1-7")


def test_a_missing_entry_is_named(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path) -> None:
    del evidence.lines[7]
    evidence.files["entries.jsonl"] = b"".join(line + b"\n" for line in evidence.lines)
    found = finding(evidence, fleet, tmp_path)
    assert (found.code, found.entry) == ("ENTRY_OTHER", "1-7")


def test_a_missing_last_entry_is_named(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path) -> None:
    evidence.files["entries.jsonl"] = b"".join(line + b"\n" for line in evidence.lines[:-1])
    found = finding(evidence, fleet, tmp_path)
    assert (found.code, found.entry) == ("ENTRY_CHANGED", "1-19")


def test_a_shorter_journal_with_its_description_changed_is_unsigned(
    evidence: Evidence, fleet: PublishedFleet, tmp_path: Path
) -> None:
    evidence.lines = evidence.lines[:-2]
    evidence.files["entries.jsonl"] = b"".join(line + b"\n" for line in evidence.lines)
    for name in ("checkpoints/20.json", "acks/20.json"):
        del evidence.files[name]
    evidence.files["chain.txt"] = b"".join(evidence.files["chain.txt"].splitlines(keepends=True)[:-2])
    evidence.describe()
    found = finding(evidence, fleet, tmp_path)
    assert (found.code, found.entry) == ("ENTRY_UNSIGNED", "1-15")


def test_swapped_entries_are_named(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path) -> None:
    evidence.lines[3], evidence.lines[5] = evidence.lines[5], evidence.lines[3]
    evidence.files["entries.jsonl"] = b"".join(line + b"\n" for line in evidence.lines)
    found = finding(evidence, fleet, tmp_path)
    assert (found.code, found.entry) == ("ENTRY_OTHER", "1-3")


def test_an_invented_entry_with_a_chain_to_fit_is_found(
    evidence: Evidence, fleet: PublishedFleet, tmp_path: Path
) -> None:
    """A forger recomputes every hash; the box's signature is what is missing."""
    evidence.lines[7] = an_entry(7).replace(b'"song":"000007"', b'"song":"999999"')
    box_key, evidence.key = evidence.key, SigningKey.generate()
    evidence.sign()
    assert finding(evidence, fleet, tmp_path).code == "CHECKPOINT_INVALID"
    evidence.key = box_key


def test_a_checkpoint_of_the_box_for_another_size_is_found(
    evidence: Evidence, fleet: PublishedFleet, tmp_path: Path
) -> None:
    evidence.files["checkpoints/10.json"] = evidence.files["checkpoints/5.json"]
    assert finding(evidence, fleet, tmp_path).code == "CHECKPOINT_INVALID"


def test_two_heads_signed_by_the_box_itself_are_found(
    evidence: Evidence, fleet: PublishedFleet, tmp_path: Path
) -> None:
    evidence.files["checkpoints/10.json"] = a_checkpoint(evidence.key, 10, bytes(32))
    found = finding(evidence, fleet, tmp_path)
    assert (found.code, found.entry) == ("ENTRY_CHANGED", "1-9")


def test_an_acknowledgement_of_a_stranger_is_found(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path) -> None:
    evidence.ack_key = SigningKey.generate()
    evidence.sign()
    assert finding(evidence, fleet, tmp_path).code == "ACK_INVALID"


def test_another_root_is_found(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    with pytest.raises(FindingError) as caught:
        verify_evidence(evidence.write(tmp_path / "evidence.tar"), PublishedFleet(folder).root)
    assert caught.value.code == "ROOT_OTHER"
    del evidence.files["metadata/1.root.json"]
    with pytest.raises(FindingError) as caught:
        verify_evidence(evidence.write(tmp_path / "evidence.tar"), (folder / "ceremony" / "root.json").read_bytes())
    assert caught.value.code == "ROOT_OTHER"
    assert verify_evidence(evidence.write(tmp_path / "evidence.tar"), fleet.root).counts.entries == 20


def test_a_policy_that_custodians_did_not_sign_is_found(
    evidence: Evidence, fleet: PublishedFleet, tmp_path: Path
) -> None:
    evidence.files["policy.json"] = evidence.files["policy.json"].replace(b'"epoch":1', b'"epoch":2')
    assert finding(evidence, fleet, tmp_path).code == "POLICY_UNTRUSTED"


def test_another_certificate_is_found(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path) -> None:
    keys = fleet.data / "keys"
    evidence.files["box.pem"] = box_certificate(keys, evidence.key, "KTV-0002")
    assert finding(evidence, fleet, tmp_path).code == "CERTIFICATE_UNTRUSTED"
    evidence.files["box.pem"] = box_certificate(keys, SigningKey.generate(), BOX)
    assert finding(evidence, fleet, tmp_path).code == "CHECKPOINT_INVALID"
    evidence.files["box.pem"] = (keys / "fleet-ca.pem").read_bytes()
    assert finding(evidence, fleet, tmp_path).code == "CERTIFICATE_UNTRUSTED"


def test_a_certificate_of_another_authority_is_found(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    evidence.files["box.pem"] = box_certificate(PublishedFleet(folder).data / "keys", evidence.key, BOX)
    assert finding(evidence, fleet, tmp_path).code == "CERTIFICATE_UNTRUSTED"


@pytest.mark.parametrize("part", [0, 1, 511, 512, 0.3, 0.6, 0.999])
def test_a_truncated_archive_is_found(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path, part: float) -> None:
    path = evidence.write(tmp_path / "evidence.tar")
    raw = path.read_bytes()
    path.write_bytes(raw[: int(part * len(raw)) if 0 < part < 1 else int(part)])
    with pytest.raises(FindingError):
        verify_evidence(path, fleet.root)


@pytest.mark.parametrize("name", ["info.json", "policy.json", "box.pem", "entries.jsonl", "chain.txt", "previous.json"])
def test_a_file_that_is_not_there_is_named(
    evidence: Evidence, fleet: PublishedFleet, tmp_path: Path, name: str
) -> None:
    del evidence.files[name]
    found = finding(evidence, fleet, tmp_path)
    assert (found.code, found.detail) == ("FILE_MISSING", name)


def test_links_and_strangers_in_the_archive_are_refused(
    evidence: Evidence, fleet: PublishedFleet, tmp_path: Path
) -> None:
    evidence.files["../evil"] = b""
    assert finding(evidence, fleet, tmp_path).code == "ARCHIVE_FORM"
    path = tmp_path / "link.tar"
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("info.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(FindingError) as caught:
        verify_evidence(path, fleet.root)
    assert caught.value.code == "ARCHIVE_FORM"


@pytest.mark.parametrize("info", [b"", b"[]", b'{"v":1}', b'{"v":1,"v":1}', b"\xff", b"{" * 100_000])
def test_a_malformed_description_is_found(
    evidence: Evidence, fleet: PublishedFleet, tmp_path: Path, info: bytes
) -> None:
    evidence.files["info.json"] = info
    assert finding(evidence, fleet, tmp_path).code == "INFO_MALFORMED"


def test_the_command_says_its_verdict_in_both_languages(
    evidence: Evidence, fleet: PublishedFleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(evidence.write(tmp_path / "evidence.tar"))
    root = str(fleet.keys / "root.json")
    assert cli.main([path, "--root", root, "--lang", "en"]) == 0
    assert "VALID: box KTV-0001" in capsys.readouterr().out
    assert cli.main([path, "--root", root, "--lang", "zh"]) == 0
    assert "证据有效" in capsys.readouterr().out
    evidence.files["entries.jsonl"] = evidence.files["entries.jsonl"].replace(b"000007", b"000008")
    evidence.write(Path(path))
    assert cli.main([path, "--root", root, "--output", "json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert (shown["valid"], shown["entry"], shown["code"]) == (False, "1-7", "ENTRY_CHANGED")
    assert cli.main([str(tmp_path / "none.tar"), "--root", root]) == 3


def test_the_archive_has_one_form(evidence: Evidence, fleet: PublishedFleet, tmp_path: Path) -> None:
    path = evidence.write(tmp_path / "evidence.tar")
    assert path.read_bytes() == pack(dict(reversed(evidence.files.items())))
    path.write_bytes(path.read_bytes() + bytes(10_240))
    with pytest.raises(FindingError) as caught:
        verify_evidence(path, fleet.root)
    assert caught.value.code == "ARCHIVE_DAMAGED"


@given(st.binary(max_size=2_000))
def test_no_bytes_make_the_verifier_fail_otherwise(raw: bytes) -> None:
    with pytest.raises(FindingError):
        verify_bytes(raw, b"")


@given(
    st.dictionaries(st.sampled_from(["info.json", "policy.json", "metadata/targets.json", "x"]), st.binary(max_size=50))
)
def test_no_files_make_the_verifier_fail_otherwise(files: dict[str, bytes]) -> None:
    with pytest.raises(FindingError):
        verify_bytes(pack(files), b"{}")


def test_16_4_every_finding_stands_in_the_specification() -> None:
    spec = (Path(__file__).parents[2] / "device" / "protocol" / "SPEC.md").read_text()
    table = spec.partition("- **16.4**")[2].partition("## 17")[0]
    assert re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE) != []
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE)) == set(SENTENCES)
