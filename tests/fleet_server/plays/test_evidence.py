"""Evidence that is exported here verifies with nothing but the file and the root (SPEC 16)."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from fleet_server.fleet import Fleet
from fleet_server.plays import evidence
from fleet_server.repository.worker import bring_up_to_date
from provisioning import ceremony
from provisioning.people import read_people
from provisioning.verify.archive import unpack
from provisioning.verify.finding import FindingError
from provisioning.verify.verification import Verdict, verify_evidence
from tests.fleet_server.country import Country, StandingBox, mail
from tests.provisioning.fleet_folder import a_people_file


@pytest.fixture
def root(fleet: Fleet, tmp_path: Path) -> bytes:
    folder = tmp_path / "ceremony"
    ceremony.hold(folder, fleet.data, read_people(a_people_file(tmp_path)), fleet.clock.now_ms())
    bring_up_to_date(fleet)
    return (folder / "root.json").read_bytes()


@pytest.fixture
def country(fleet: Fleet, root: bytes) -> Country:  # after the ceremony, whose policy it replaces
    return Country(fleet)


@pytest.fixture
def box(country: Country) -> StandingBox:
    """A box that has sung two evenings' worth, in three batches."""
    box = country.box("KTV-AAAA0001", country.venue("310101"))
    for _ in range(3):
        first = box.journal.size
        for room in ("A01", "A02"):
            box.journal.end(box.journal.start(room, "100001"))
        mail(country, box, "journal", box.journal.batch(first))
    return box


@pytest.fixture
def auditor(country: Country) -> httpx.AsyncClient:
    return country.people.client("auditor", ("auditor", "310000"))


async def exported(client: httpx.AsyncClient, box: StandingBox, **query: Any) -> bytes:
    answer = await client.get("/api/v1/evidence", params={"venue": box.venue, **query})
    assert answer.status_code == 200, answer.text
    return answer.content


def verified(raw: bytes, root: bytes, folder: Path) -> Verdict:
    path = folder / "evidence.tar"
    path.write_bytes(raw)
    return verify_evidence(path, root)


async def test_the_whole_journal_verifies(
    auditor: httpx.AsyncClient, box: StandingBox, root: bytes, tmp_path: Path
) -> None:
    verdict = verified(await exported(auditor, box), root, tmp_path)
    assert (verdict.info.box, verdict.info.venue) == (box.box, box.venue)
    assert (verdict.counts.entries, verdict.counts.checkpoints, verdict.counts.acks) == (12, 3, 3)
    assert verdict.counts.counted == 6


@pytest.mark.parametrize(("asked", "first", "last"), [((5, 6), 5, 7), ((0, 3), 0, 3), ((4, 99), 4, 11), ((1, 4), 1, 7)])
async def test_a_stretch_ends_at_a_checkpoint(
    auditor: httpx.AsyncClient,
    box: StandingBox,
    root: bytes,
    tmp_path: Path,
    asked: tuple[int, int],
    first: int,
    last: int,
) -> None:
    raw = await exported(auditor, box, **{"from": asked[0], "to": asked[1]})
    verdict = verified(raw, root, tmp_path)
    assert (verdict.info.first, verdict.info.last) == (first, last)


async def test_a_business_day_is_a_stretch(
    auditor: httpx.AsyncClient, box: StandingBox, root: bytes, tmp_path: Path
) -> None:
    verdict = verified(await exported(auditor, box, day="2026-09-21"), root, tmp_path)
    assert verdict.counts.entries == 12


async def test_one_flipped_bit_is_found_and_named(
    auditor: httpx.AsyncClient, box: StandingBox, root: bytes, tmp_path: Path
) -> None:
    raw = await exported(auditor, box)
    place = raw.index(json.dumps({"seq": 6})[1:-1].replace(" ", "").encode())
    for at in (place + 6, place - 20):
        with pytest.raises(FindingError) as caught:
            verified(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :], root, tmp_path)
        assert caught.value.entry == "1-6"


async def test_the_bytes_are_those_that_were_received(auditor: httpx.AsyncClient, box: StandingBox) -> None:
    files = unpack(await exported(auditor, box))
    assert files["entries.jsonl"] == b"".join(text + b"\n" for text in box.journal.texts)
    assert files["chain.txt"].split() == [chain.hex().encode() for chain in box.journal.chains[1:]]


@pytest.fixture
def damaged(country: Country) -> StandingBox:
    """Entries 4 to 6 of its first epoch cannot be read; behind a nack it has begun the chain anew at 10."""
    box = country.box("KTV-AAAA0003", country.venue("310101"))
    journal = box.journal
    journal.sing(6)
    mail(country, box, "journal", journal.batch(0, 4))
    behind = journal.next_epoch(reason="damaged", at=4)
    batches = journal.batch_behind_gap(4, 7, 10), journal.batch_behind_gap(10, 10), behind.batch()
    mail(country, box, "journal", *batches)
    return box


GAPS = {4: 7, 10: 10}


@pytest.mark.parametrize(
    ("asked", "stretch", "gaps", "entries"),
    [
        ((None, None), (0, 11), GAPS, 9),
        ((0, 3), (0, 3), {}, 4),
        ((2, 4), (2, 9), {4: 7}, 5),
        ((4, 8), (4, 9), {4: 7}, 3),
        ((5, 6), (4, 9), {4: 7}, 3),
        ((7, 9), (4, 9), {4: 7}, 3),
        ((8, 9), (8, 9), {}, 2),
        ((10, 11), (10, 11), {10: 10}, 2),
        ((6, 11), (4, 11), GAPS, 5),
    ],
)
async def test_16_1_what_the_box_cannot_read_is_named(
    auditor: httpx.AsyncClient,
    damaged: StandingBox,
    root: bytes,
    tmp_path: Path,
    asked: tuple[int | None, int | None],
    stretch: tuple[int, int],
    gaps: dict[int, int],
    entries: int,
) -> None:
    ends = {name: at for name, at in zip(("from", "to"), asked, strict=True) if at is not None}
    verdict = verified(await exported(auditor, damaged, epoch=1, **ends), root, tmp_path)
    assert ((verdict.info.first, verdict.info.last), verdict.info.gaps) == (stretch, gaps)
    assert verdict.counts.entries == entries


async def test_16_1_an_epoch_whose_beginning_cannot_be_read(
    country: Country, auditor: httpx.AsyncClient, root: bytes, tmp_path: Path
) -> None:
    box = country.box("KTV-AAAA0004", country.venue("310101"))
    box.journal.sing(2)
    second = box.journal.next_epoch()
    second.sing(2)
    third = second.next_epoch(reason="damaged", at=0)
    mail(country, box, "journal", box.journal.batch(), second.batch_behind_gap(0, 2), third.batch())
    verdict = verified(await exported(auditor, box, epoch=2, **{"from": 1}), root, tmp_path)
    assert (verdict.info.first, verdict.info.last, verdict.info.gaps) == (0, 4, {0: 2})


async def test_16_1_more_gaps_than_a_file_names_are_too_many(
    auditor: httpx.AsyncClient, damaged: StandingBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "GAPS_MAX", 1)
    answer = await auditor.get("/api/v1/evidence", params={"venue": damaged.venue, "epoch": 1})
    assert (answer.status_code, answer.json()["code"]) == (422, "EVIDENCE_TOO_LONG")
    assert len(await exported(auditor, damaged, epoch=1, to=8))


async def test_what_cannot_be_exported(country: Country, auditor: httpx.AsyncClient, box: StandingBox) -> None:
    empty = country.venue("310101")
    silent = country.box("KTV-AAAA0002", country.venue("310101"))
    cases: tuple[tuple[dict[str, str | int], str], ...] = (
        ({"venue": empty}, "EVIDENCE_NONE"),
        ({"venue": silent.venue}, "EVIDENCE_NONE"),
        ({"venue": box.venue, "epoch": 7}, "EVIDENCE_NONE"),
        ({"venue": box.venue, "from": 12}, "EVIDENCE_NONE"),
        ({"venue": box.venue, "day": "1999-01-01"}, "EVIDENCE_NONE"),
        ({"venue": "J0131010100001X"}, "VENUE_CODE_CHECK"),
        ({"venue": box.venue, "from": -1}, "FIELDS_INVALID"),
    )
    for query, code in cases:
        answer = await auditor.get("/api/v1/evidence", params=query)
        assert answer.json()["code"] == code


async def test_evidence_of_another_province_is_not_there(country: Country, box: StandingBox) -> None:
    foreign = country.people.client("foreign", ("auditor", "440000"))
    assert (await foreign.get("/api/v1/evidence", params={"venue": box.venue})).status_code == 404


async def test_an_export_is_on_record(auditor: httpx.AsyncClient, box: StandingBox) -> None:
    await exported(auditor, box)
    rows = (await auditor.get("/api/v1/audit")).text
    assert "evidence.export" in rows
