"""Both verifiers know what the box has signed that it cannot read; nobody else leaves anything out (SPEC 9.13, 16)."""

from pathlib import Path
from typing import Any

import pytest

from tests.fleet_server.repository.published import PublishedFleet
from tests.provisioning.evidence_builder import Evidence, an_ack
from tests.vectors.test_two_verifiers import (
    Spoil,
    in_info,
    ours,
    packed,
    strangers,
    with_checkpoint,
    with_file,
    without,
)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> PublishedFleet:
    return PublishedFleet(tmp_path_factory.mktemp("fleet"))


def without_line(at: int) -> Spoil:
    """The entry at this place of the file, with its chain value."""

    def spoil(evidence: Evidence) -> None:
        for name in ("entries.jsonl", "chain.txt"):
            lines = evidence.files[name].splitlines(keepends=True)
            evidence.files[name] = b"".join(lines[:at] + lines[at + 1 :])

    return spoil


def going_on(evidence: Evidence) -> None:
    evidence.has_ended = False
    evidence.sign()


def with_gaps(**of_missing: Any) -> Spoil:
    return in_info(gaps=[{"missing": int(name[1:]), "seq": seq} for name, seq in of_missing.items()])


# Entries 7 to 9 cannot be read, and the chain begins anew at 14 (SPEC 9.13): what is said of it, and the entry.
A_GAP = {7: 10, 14: 14}
SPOILS_OF_A_GAP: dict[str, tuple[Spoil, str]] = {
    "no gap is named": (with_gaps(), "BAD 1-7"),
    "one gap is not named": (with_gaps(_7=10), "BAD 1-14"),
    "a longer gap": (with_gaps(_7=11, _14=14), "BAD 1-11"),
    "a shorter gap": (with_gaps(_7=9, _14=14), "BAD 1-9"),
    "an earlier gap": (with_gaps(_6=10, _14=14), "BAD 1-5"),
    "a gap more": (with_gaps(_7=10, _14=14, _17=17), "BAD 1-15"),
    "a gap where the box has signed none": (with_gaps(_5=5, _7=10, _14=14), "BAD 1-5"),
    "one more entry left out behind the gap": (without_line(7), "BAD 1-10"),
    "the same, and said to be missing": (
        lambda evidence: (without_line(7)(evidence), with_gaps(_7=11, _14=14)(evidence))[0],
        "BAD 1-11",
    ),
    "the last entry before the gap left out": (without_line(6), "BAD 1-6"),
    "the same, and said to be missing too": (
        lambda evidence: (without_line(6)(evidence), with_gaps(_6=10, _14=14)(evidence))[0],
        "BAD 1-5",
    ),
    "nothing signed before the gap": (without("checkpoints/7.json"), "BAD 1-5"),
    "nothing signed before the second one": (without("checkpoints/14.json"), "BAD 1-10"),
    "less signed behind it": (without("checkpoints/15.json"), "VALID"),
    "an epoch that goes on": (going_on, "BAD "),
    "gaps in another order": (in_info(gaps=[{"missing": 14, "seq": 14}, {"missing": 7, "seq": 10}]), "BAD "),
    "gaps that touch": (with_gaps(_7=10, _10=14), "BAD "),
    "a gap that ends before it begins": (with_gaps(_7=6), "BAD "),
    "a gap behind the end": (with_gaps(_7=10, _14=20), "BAD "),
    "a gap of another form": (in_info(gaps=[{"missing": 7, "seq": 10, "why": ""}]), "BAD "),
    "gaps that are none": (in_info(gaps=None), "BAD "),
    "too many": (in_info(gaps=[{"missing": 2 * n, "seq": 2 * n} for n in range(257)]), "BAD "),
}


def test_16_2_both_verifiers_know_what_the_box_cannot_read(fleet: PublishedFleet, tmp_path: Path) -> None:
    archives, wanted = [], []
    for name, (spoil, word) in SPOILS_OF_A_GAP.items():
        evidence = Evidence(fleet, gaps=A_GAP)
        spoil(evidence)
        archives.append(packed(evidence))
        wanted.append((name, "VALID 17 entries, 3 missing, 8 counted" if word == "VALID" else word))
    names = list(SPOILS_OF_A_GAP)
    assert list(zip(names, [ours(raw, fleet.root) for raw in archives], strict=True)) == wanted
    assert list(zip(names, strangers(archives, fleet.root, tmp_path), strict=True)) == wanted


def test_16_2_a_stretch_may_begin_with_a_gap(fleet: PublishedFleet, tmp_path: Path) -> None:
    sound = [
        Evidence(fleet, gaps={0: 3}),
        Evidence(fleet, gaps={0: 3}, epoch=2),
        Evidence(fleet, gaps={0: 0}, epoch=2),
        Evidence(fleet, first=35, gaps={35: 40}),
        Evidence(fleet, gaps={35: 35}, first=35),
    ]
    archives = [packed(evidence) for evidence in sound]
    for evidence in sound:
        with_file("previous.json", lambda raw: raw.replace(b"0" * 64, b"07" * 32))(evidence)
        archives.append(packed(evidence))
    words = ["17 entries, 3 missing, 8 counted"] * 2
    words += ["20 entries, 9 counted", "15 entries, 5 missing, 8 counted", "20 entries, 10 counted"]
    wanted = [f"VALID {word}" for word in words] + ["BAD "] * 5
    assert [ours(raw, fleet.root) for raw in archives] == wanted
    assert strangers(archives, fleet.root, tmp_path) == wanted


def test_16_2_what_is_signed_where_entries_are_missing_proves_nothing(fleet: PublishedFleet, tmp_path: Path) -> None:
    archives = []
    for size in (9, 10):
        evidence = Evidence(fleet, gaps={7: 10})
        with_checkpoint(signed_by_box=True, size=size, ended=True)(evidence)
        archives.append(packed(evidence))
    evidence = Evidence(fleet, gaps={7: 10})
    evidence.files["acks/9.json"] = an_ack(evidence.ack_key, 9, b"\x07" * 32)
    archives.append(packed(evidence))
    assert [ours(raw, fleet.root) for raw in archives] == ["BAD "] * 3
    assert strangers(archives, fleet.root, tmp_path) == ["BAD "] * 3
