"""Rights-holders are paid by what a verdict counts: both verifiers count by SPEC 9.1 and 9.4, not by the box's word."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fleet_server.repository.published import PublishedFleet
from tests.provisioning.evidence_builder import Evidence
from tests.vectors.test_two_verifiers import Spoil, canonical, ours, packed, strangers


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> PublishedFleet:
    return PublishedFleet(tmp_path_factory.mktemp("fleet"))


def in_bodies(**of_entries: Any) -> Spoil:
    """Changes of the bodies of these entries, `_8={...}`, which the box itself signs."""

    def spoil(evidence: Evidence) -> None:
        for name, changes in of_entries.items():
            at = int(name[1:])
            entry = json.loads(evidence.lines[at])
            evidence.lines[at] = canonical(entry | {"body": entry["body"] | changes})
        evidence.sign()

    return spoil


# What is said of 20 entries with 10 starts, and with ends at 2, 4, ... 18: the box says of all that they count.
PLAYS: dict[str, tuple[Spoil, str]] = {
    "as it is": (in_bodies(), "9 counted"),
    "it says that it does not count, and it does": (in_bodies(_8={"counted": False}), "9 counted, 1 misstated"),
    "a second too short": (in_bodies(_8={"played_s": 59}), "8 counted, 1 misstated"),
    "just long enough": (in_bodies(_8={"played_s": 60}), "9 counted"),
    "short, as it says": (in_bodies(_8={"played_s": 59, "counted": False}), "8 counted"),
    "an advert": (in_bodies(_7={"kind": "advert"}, _8={"kind": "advert"}), "8 counted, 1 misstated"),
    "no longer an advert": (in_bodies(_7={"kind": "advert"}), "8 counted, 1 misstated"),
    "of another room": (in_bodies(_7={"room": "A02"}), "8 counted, 1 misstated"),
    "of another song": (in_bodies(_7={"song": "X"}), "8 counted, 1 misstated"),
    "ended a second time": (in_bodies(_8={"play": "1-5", "song": "000005"}), "8 counted, 1 misstated"),
    "its start is an end": (in_bodies(_8={"play": "1-6"}), "8 counted, 1 misstated"),
    "before it began": (in_bodies(_8={"play": "1-9"}), "8 counted, 1 misstated"),
    "its own start": (in_bodies(_8={"play": "1-8"}), "8 counted, 1 misstated"),
    "of a later epoch": (in_bodies(_8={"play": "2-7"}), "8 counted, 1 misstated"),
    "of epoch 0": (in_bodies(_8={"play": "0-7"}), "8 counted, 1 misstated"),
    "another spelling": (in_bodies(_8={"play": "1-07"}), "8 counted, 1 misstated"),
    "no place": (in_bodies(_8={"play": "play"}), "8 counted, 1 misstated"),
    "the policy says otherwise": (in_bodies(_8={"cut_song_s": 0}), "8 counted, 1 misstated"),
    "of a policy that is not at hand": (in_bodies(_8={"cut_song_s": 0, "policy_epoch": 2}), "9 counted"),
}


def test_9_1_both_verifiers_count_for_themselves(fleet: PublishedFleet, tmp_path: Path) -> None:
    archives = []
    for spoil, _ in PLAYS.values():
        evidence = Evidence(fleet)
        spoil(evidence)
        archives.append(packed(evidence))
    wanted = {name: f"VALID 20 entries, {word}" for name, (_, word) in PLAYS.items()}
    assert dict(zip(PLAYS, [ours(raw, fleet.root) for raw in archives], strict=True)) == wanted
    assert dict(zip(PLAYS, strangers(archives, fleet.root, tmp_path), strict=True)) == wanted


def test_9_4_a_start_that_is_not_at_hand_is_not_asked(fleet: PublishedFleet, tmp_path: Path) -> None:
    archives = [packed(Evidence(fleet, 12, first=36)), packed(Evidence(fleet, gaps={7: 8}))]
    wanted = ["VALID 12 entries, 6 counted", "VALID 19 entries, 1 missing, 9 counted"]
    assert [ours(raw, fleet.root) for raw in archives] == wanted
    assert strangers(archives, fleet.root, tmp_path) == wanted
    evidence = Evidence(fleet, epoch=2)
    in_bodies(_2={"play": "1-900"}, _4={"play": "1-900"})(evidence)
    assert ours(packed(evidence), fleet.root) == "VALID 20 entries, 8 counted, 1 misstated"
    assert strangers([packed(evidence)], fleet.root, tmp_path) == ["VALID 20 entries, 8 counted, 1 misstated"]
