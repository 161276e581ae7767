"""HTTP: the catalog. It is one for the country; reading is everybody's, changing the national operator's."""

import binascii
from base64 import b64encode
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field

from device.protocol.regions import COUNTRY_CODE as COUNTRY
from fleet_server.catalog import bans, importing, releasing, store
from fleet_server.catalog.building import build_release, last_release
from fleet_server.fleet import Fleet
from fleet_server.http_errors import ProblemError
from fleet_server.orders import issued_bans
from fleet_server.people import Action, Call, needs
from fleet_server.repository.worker import ring
from fleet_server.song_lists.apart import check_apart
from fleet_server.song_lists.csv_file import DELIMITERS
from fleet_server.song_lists.findings import SENTENCES, Finding

PAGE_MAX = 1000

router = APIRouter(prefix="/api/v1/catalog", tags=["catalog"])


class Signed(BaseModel):
    """A custodian's signature over the candidate's payload; `sig` is r ‖ s in hexadecimal (SPEC 3.1)."""

    model_config = ConfigDict(extra="forbid")

    keyid: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    sig: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


class Signatures(BaseModel):
    model_config = ConfigDict(extra="forbid")

    signatures: Annotated[list[Signed], Field(min_length=1, max_length=8)]


class CandidateShown(BaseModel):
    """`payload` is base64 of the exact bytes that custodians sign; `state` is `candidate` or `released`."""

    epoch: int
    state: str
    payload: str
    signatures: int
    threshold: int


class CurrentShown(BaseModel):
    """The release in force, epoch 0 if there is none; `listed` counts the songs of the list in work.

    `bans`: the orders whose bans the release carries.
    """

    epoch: int
    entries: int
    bytes: int
    sha256: str
    released_at_ms: int | None
    listed: int
    bans: list[str]


class SongShown(BaseModel):
    song: str
    title: str
    artist: str
    language: str
    work: str
    sha256: str
    duration_s: int
    flags: int
    picture: str
    regions: str
    not_before: int
    not_after: int


class FindingShown(BaseModel):
    """`row` as a spreadsheet counts, the header being 1; 0 for the file as a whole."""

    row: int
    column: str
    code: str
    message_zh: str
    message_en: str
    detail: str


class DoubleShown(BaseModel):
    """A song that came with title and artist of another and with another file: look at both."""

    song: str
    other: str
    title: str
    artist: str


class ImportReport(BaseModel):
    """`applied` counts the rows that became the list in work: none, or all sound ones."""

    number: int
    sha256: str
    encoding: str
    delimiter: str
    rows: int
    sound: int
    bad: int
    applied: int
    new: int
    changed: int
    gone: int
    findings: list[FindingShown]
    doubles: list[DoubleShown]


@router.get("")
def show_current(call: Annotated[Call, needs(Action.CATALOG_READ)]) -> CurrentShown:
    """The release in force and the size of the list in work."""
    with call.reading() as act:
        found = store.current(act.connection)
        listed = store.songs_count(act.connection)
        carried = store.bans_of(act.connection, found.epoch) if found else []
    if found is None:
        return CurrentShown(epoch=0, entries=0, bytes=0, sha256="", released_at_ms=None, listed=listed, bans=[])
    names = ("epoch", "entries", "bytes", "sha256", "released_at_ms")
    return CurrentShown(listed=listed, bans=carried, **{name: getattr(found, name) for name in names})


@router.get("/releases")
def list_releases(call: Annotated[Call, needs(Action.CATALOG_READ)]) -> list[store.Release]:
    """Releases and candidates, newest first."""
    with call.reading() as act:
        return store.list_releases(act.connection)


@router.get("/songs")
def list_songs(
    call: Annotated[Call, needs(Action.CATALOG_READ)],
    text: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[str, Query(max_length=20)] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> list[SongShown]:
    """Songs of the list in work, by id."""
    with call.reading() as act:
        return [SongShown(**song._asdict()) for song in store.find_songs(act.connection, text, after, limit)]


@router.post("/imports")
def import_songs(
    raw: Annotated[bytes, Body(media_type="text/csv")],
    call: Annotated[Call, needs(Action.CATALOG_MANAGE)],
    name: Annotated[str, Query(min_length=1, max_length=200)],
    mapping: Annotated[str, Query(alias="map", max_length=2_000)] = "",
    delimiter: Annotated[str, Query(max_length=1)] = "",
    accept_sound: bool = False,
) -> ImportReport:
    """Check a song list and apply it if it is sound, or its sound rows if `accept_sound` is set."""
    if delimiter and delimiter not in DELIMITERS:
        raise ProblemError("REQUEST_MALFORMED", "delimiter is one of , ; | or tab")
    check = check_apart(raw, parse_mapping(mapping), delimiter)
    digest = importing.keep(folder_of(call.fleet) / "imports", raw)
    is_applied = check.is_whole and check.sound > 0 and (check.bad == 0 or accept_sound)
    with call.writing() as act:
        act.require(COUNTRY)
        applied = check.sound if is_applied else 0
        number = importing.record(act, name, raw, digest, check, applied)
        changes = importing.apply(act, check, number) if is_applied else importing.Changes()
        doubles = importing.doubles(act, number) if is_applied else []
    form = check.form
    return ImportReport(
        number=number,
        sha256=digest,
        encoding="" if form is None else form.encoding,
        delimiter="" if form is None else form.delimiter,
        rows=check.rows,
        sound=check.sound,
        bad=check.bad,
        applied=applied,
        new=changes.new,
        changed=changes.changed,
        gone=changes.gone,
        findings=[_finding(finding) for finding in check.findings],
        doubles=[DoubleShown(**asdict(double)) for double in doubles],
    )


@router.post("/releases", status_code=201)
def prepare_release(call: Annotated[Call, needs(Action.CATALOG_MANAGE)]) -> CandidateShown:
    """Prepare the list in work for signing."""
    with call.reading() as act:
        act.require(COUNTRY)
        # A million songs take seconds, during which nothing may wait for the write lock.
        last = last_release(act.connection, call.fleet.publisher.folder)
        epoch = store.highest_epoch(act.connection) + 1
        carried = bans.in_force(issued_bans(act), act.now_ms)
        release = build_release(act.connection, epoch, act.now_ms, last, carried)
    with call.writing() as act:
        found = releasing.prepare(act, call.fleet.publisher, _candidates(call.fleet), release)
    return _shown(found, is_released=False)


@router.get("/releases/{epoch}/candidate")
def show_candidate(epoch: int, call: Annotated[Call, needs(Action.CATALOG_MANAGE)]) -> CandidateShown:
    """What custodians sign."""
    with call.reading() as act:
        act.require(COUNTRY)
        found = releasing.candidate(call.fleet.publisher, _candidates(call.fleet), epoch)
        current = store.current(act.connection)
    return _shown(found, is_released=current is not None and current.epoch >= epoch)


@router.post("/releases/{epoch}/signatures")
def sign_release(epoch: int, body: Signatures, call: Annotated[Call, needs(Action.CATALOG_MANAGE)]) -> CandidateShown:
    """Add signatures; the one that completes the threshold publishes the release and rings every box."""
    given = [(signed.keyid, binascii.unhexlify(signed.sig)) for signed in body.signatures]
    with call.writing() as act:
        act.require(COUNTRY)
        found = releasing.sign(act, call.fleet.publisher, _candidates(call.fleet), epoch, given)
    is_released = found.signatures >= found.threshold
    if is_released:
        ring(call.fleet)
        call.fleet.live.publish("catalog", COUNTRY, str(epoch))
    return _shown(found, is_released=is_released)


def parse_mapping(text: str) -> dict[str, str]:
    """`song=Id,title=Title`; raises ProblemError."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if any(not sign or not theirs.strip() for _, sign, theirs in pairs):
        raise ProblemError("REQUEST_MALFORMED", "map has the form ours=Theirs,ours=Theirs")
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


def folder_of(fleet: Fleet) -> Path:
    return fleet.data / "catalog"


def _finding(finding: Finding) -> FindingShown:
    zh, en = SENTENCES[finding.code]
    return FindingShown(**asdict(finding), message_zh=zh, message_en=en)


def _candidates(fleet: Fleet) -> Path:
    return folder_of(fleet) / "candidates"


def _shown(found: releasing.Candidate, *, is_released: bool) -> CandidateShown:
    facts: dict[str, Any] = asdict(found) | {"payload": b64encode(found.payload).decode()}
    return CandidateShown(state="released" if is_released else "candidate", **facts)
