"""Both verifiers ask of the metadata in an evidence what SPEC 5.1 and 16.2 ask; a custodian alone makes no policy."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from provisioning import key_files, trust_root
from tests.fleet_server.repository.published import PublishedFleet
from tests.provisioning.evidence_builder import Evidence
from tests.vectors.test_two_verifiers import Spoil, ours, packed, strangers, with_file

SOUND = "VALID 20 entries, 9 counted"
TARGETS, POLICY = "metadata/targets.json", "metadata/policy.json"

Change = Callable[[Any], None]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> PublishedFleet:
    return PublishedFleet(tmp_path_factory.mktemp("fleet"))


def signed_again(fleet: PublishedFleet, raw: bytes, role: str, change: Change) -> bytes:
    """The metadata with a change, signed by all custodians of the role."""
    metadata: Metadata[Any] = Metadata.from_bytes(raw)
    change(metadata.signed)
    metadata.signatures.clear()
    signers = [key_files.tuf_signer(key_files.load(fleet.keys / f"{role}-{number}.pem")) for number in (1, 2, 3)]
    return trust_root.encode(trust_root.signed(metadata, signers))


def root_of_version(fleet: PublishedFleet, version: int) -> bytes:
    return signed_again(fleet, fleet.root, "root", lambda root: setattr(root, "version", version))


def agreed(fleet: PublishedFleet, spoils: dict[str, Spoil], root: bytes, folder: Path) -> dict[str, str]:
    """What both say of the evidence under each of these names."""
    archives = []
    for spoil in spoils.values():
        evidence = Evidence(fleet)
        spoil(evidence)
        archives.append(packed(evidence))
    said = [ours(raw, root) for raw in archives]
    assert dict(zip(spoils, strangers(archives, root, folder), strict=True)) == dict(zip(spoils, said, strict=True))
    return dict(zip(spoils, said, strict=True))


def test_16_2_no_other_file_stands_beside_the_metadata(fleet: PublishedFleet, tmp_path: Path) -> None:
    of_metadata = ["x.json", "a/b.json", "../info.json", "01.root.json", "0.root.json", ".root.json", "catalog.json"]
    names = [f"metadata/{name}" for name in of_metadata] + ["checkpoints/a/5.json", "acks/5", "checkpoints/"]

    def with_stray(name: str) -> Spoil:
        return lambda evidence: evidence.files.__setitem__(name, evidence.files[POLICY])

    said = agreed(fleet, {name: with_stray(name) for name in names}, fleet.root, tmp_path)
    assert set(said.values()) == {"BAD "}


def test_16_2_roots_stand_in_a_row(fleet: PublishedFleet, tmp_path: Path) -> None:
    roots = {version: root_of_version(fleet, version) for version in (2, 3, 4)} | {1: fleet.root}

    def with_roots(*versions: int, **others: bytes) -> Spoil:
        def spoil(evidence: Evidence) -> None:
            del evidence.files["metadata/1.root.json"]
            evidence.files |= {f"metadata/{version}.root.json": roots[version] for version in versions}
            evidence.files |= {f"metadata/{name[1:]}.root.json": raw for name, raw in others.items()}

        return spoil

    spoils = {
        "none": with_roots(),
        "up to the one given": with_roots(1, 2),
        "older ones alone": with_roots(1),
        "a newer one alone": with_roots(3),
        "older and newer ones": with_roots(1, 2, 3, 4),
        "the given one is missing": with_roots(1, 3),
        "one is missing": with_roots(1, 2, 4),
        "one behind it is missing": with_roots(2, 4),
        "only one far behind": with_roots(4),
        "junk far behind": with_roots(1, 2, _4=b"junk"),
        "an older one of another trust": with_roots(2, _1=b"{}"),
        "of another version than its name": with_roots(1, 2, _3=roots[4]),
    }
    said = agreed(fleet, spoils, roots[2], tmp_path)
    sound = ["none", "up to the one given", "older ones alone", "a newer one alone", "older and newer ones"]
    assert [name for name, word in said.items() if word == SOUND] == sound
    assert {word for name, word in said.items() if name not in sound} == {"BAD "}


def in_delegation(**changes: Any) -> Change:
    def change(targets: Targets) -> None:
        assert targets.delegations is not None
        roles = targets.delegations.roles or {}
        for name, value in changes.items():
            setattr(roles["policy"], name, value)

    return change


def test_5_1_the_policy_is_delegated_to_two(fleet: PublishedFleet, tmp_path: Path) -> None:
    def changed(name: str, role: str, change: Change) -> Spoil:
        return with_file(name, lambda raw: signed_again(fleet, raw, role, change))

    def with_length(role: Targets) -> None:
        role.targets["policy/authority.json"].length += 1

    spoils = {
        "as it is": changed(TARGETS, "root", lambda targets: None),
        "to three": changed(TARGETS, "root", in_delegation(threshold=3)),
        "other paths as well": changed(TARGETS, "root", in_delegation(paths=["other/*", "policy/*.json"])),
        "to one": changed(TARGETS, "root", in_delegation(threshold=1)),
        "of no path": changed(TARGETS, "root", in_delegation(paths=[])),
        "of other paths": changed(TARGETS, "root", in_delegation(paths=["other/*", "policy", "*", "policy/*/*"])),
        "another length": changed(POLICY, "policy", with_length),
        "no root at all": changed(TARGETS, "root", lambda targets: setattr(targets, "delegations", None)),
    }
    said = agreed(fleet, spoils, fleet.root, tmp_path)
    assert list(said.values()) == [SOUND] * 3 + ["BAD "] * 5


def test_16_2_metadata_is_read_as_strictly_as_documents(fleet: PublishedFleet, tmp_path: Path) -> None:
    """TUF's reader takes each of these, or the last of two names, and the signatures go by what it took."""

    def spelled(old: str, new: str) -> Spoil:
        return with_file(TARGETS, lambda raw: raw.replace(old.encode(), new.encode(), 1))

    def with_more(value: Any) -> Spoil:
        def change(targets: Targets) -> None:
            targets.unrecognized_fields["x"] = value

        return with_file(TARGETS, lambda raw: signed_again(fleet, raw, "root", change))

    nested: Any = []
    for _ in range(20):
        nested = [nested]
    spoils = {
        "more": with_more([1, "\n"]),
        "a name twice": spelled('"version": 1', '"version": 2, "version": 1'),
        "no number": spelled('"version": 1', '"x": NaN, "x": 0, "version": 1'),
        "a lone surrogate": spelled('"_type": "targets"', '"_type": "targets", "x": "\\ud800", "x": 0'),
        "deeper": with_more(nested),
        "true for a version": spelled('"version": 1', '"version": true'),
        "a version with a fraction": spelled('"version": 1', '"version": 1.0'),
        "a threshold that is none": with_more({"threshold": True}),
    }
    assert list(agreed(fleet, spoils, fleet.root, tmp_path).values()) == [SOUND] + ["BAD "] * 7


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"{" * 100_000, b'{"signed":{"_type":"root"},"signatures":[]}'])
def test_16_2_a_root_that_is_none_is_told(fleet: PublishedFleet, tmp_path: Path, raw: bytes) -> None:
    archives = [packed(Evidence(fleet))]
    assert [ours(archives[0], raw)] == strangers(archives, raw, tmp_path) == ["BAD "]


def test_16_2_a_root_is_no_targets(fleet: PublishedFleet, tmp_path: Path) -> None:
    said = agreed(fleet, {"a root": with_file(TARGETS, lambda _: fleet.root)}, fleet.root, tmp_path)
    assert said == {"a root": "BAD "}
    assert Metadata.from_bytes(fleet.root).signed.type == Root.type


def test_5_2_every_authority_of_the_policy_has_a_certificate(fleet: PublishedFleet, tmp_path: Path) -> None:
    def with_authority(evidence: Evidence) -> None:
        policy = json.loads(evidence.files["policy.json"])
        policy["authorities"].append({"use": "factory-ca", "certificate": "Y2VydA=="})
        raw = json.dumps(policy).encode()

        def vouch(role: Targets) -> None:
            role.targets["policy/authority.json"] = TargetFile.from_data("policy/authority.json", raw)

        evidence.files["policy.json"] = raw
        evidence.files[POLICY] = signed_again(fleet, evidence.files[POLICY], "policy", vouch)

    said = agreed(fleet, {"none": with_authority}, fleet.root, tmp_path)
    assert said == {"none": "BAD "}
