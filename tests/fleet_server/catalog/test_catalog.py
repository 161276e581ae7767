"""Import, release and publication over HTTP, as the operator and two custodians do it."""

from base64 import b64decode
from pathlib import Path
from typing import Any

import httpx
import pytest

from device.crypto.p256 import SigningKey
from device.protocol.catalog import CatalogManifest, SongRecord, gone_row
from device.protocol.catalog_table import read_scopes, read_table
from fleet_server.catalog.importing import find_doubles
from fleet_server.fleet import Fleet
from fleet_server.repository.worker import bring_up_to_date
from provisioning import ceremony
from provisioning.people import read_people
from tests.fleet_server.people.clients import People
from tests.fleet_server.repository.test_worker import Bell
from tests.provisioning.fleet_folder import a_people_file

SOUND = "song,title,artist\n100001,月亮代表我的心,邓丽君\n100002,Yesterday,The Beatles\n"


@pytest.fixture
def keys(fleet: Fleet, tmp_path: Path) -> Path:
    """The ceremony's folder; the fleet has taken in what it made."""
    folder = tmp_path / "ceremony"
    ceremony.hold(folder, fleet.data, read_people(a_people_file(tmp_path)), fleet.clock.now_ms())
    bring_up_to_date(fleet)
    return folder


@pytest.fixture
def operator(people: People) -> httpx.AsyncClient:
    return people.client("op", ("operator", "000000"))


async def imported(client: httpx.AsyncClient, text: str, **query: str) -> dict[str, Any]:
    headers = {"content-type": "text/csv"}
    params = {"name": "songs.csv", **query}
    answer = await client.post("/api/v1/catalog/imports", params=params, content=text.encode(), headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def prepared(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.post("/api/v1/catalog/releases", json={})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def signature(candidate: dict[str, Any], key: Path) -> dict[str, str]:
    signing = SigningKey.load(key)
    return {"keyid": signing.key.keyid, "sig": signing.sign(b64decode(candidate["payload"])).hex()}


async def signed(client: httpx.AsyncClient, candidate: dict[str, Any], *keys: Path) -> httpx.Response:
    body = {"signatures": [signature(candidate, key) for key in keys]}
    return await client.post(f"/api/v1/catalog/releases/{candidate['epoch']}/signatures", json=body)


async def released(client: httpx.AsyncClient, keys: Path, text: str) -> None:
    """Import a list and publish it as two custodians."""
    await imported(client, text)
    candidate = await prepared(client)
    answer = await signed(client, candidate, keys / "catalog-1.pem", keys / "catalog-2.pem")
    assert answer.json()["state"] == "released", answer.text


def published_manifest(fleet: Fleet) -> CatalogManifest:
    path = fleet.publisher.folder.target("catalog/manifest.json")
    assert path is not None
    return CatalogManifest.decode(path.read_bytes())


async def test_a_list_is_imported_signed_by_two_and_published(
    operator: httpx.AsyncClient, fleet: Fleet, keys: Path
) -> None:
    bell = Bell()
    fleet.downlink.connect(bell)
    report = await imported(operator, SOUND)
    assert (report["applied"], report["new"], report["gone"]) == (2, 2, 0)
    candidate = await prepared(operator)
    assert (candidate["epoch"], candidate["state"], candidate["threshold"]) == (1, "candidate", 2)
    answer = await signed(operator, candidate, keys / "catalog-1.pem", keys / "catalog-3.pem")
    assert answer.json()["state"] == "released"
    assert bell.sent == [("v1/dn/all/look", b'{"v":1}')]
    manifest = published_manifest(fleet)
    assert (manifest.epoch, manifest.entries, len(manifest.tables)) == (1, 2, 1)
    assert read_table(_target(fleet, manifest.tables[0].path)).find("100001") is not None
    shown = (await operator.get("/api/v1/catalog")).json()
    assert (shown["epoch"], shown["entries"], shown["listed"]) == (1, 2, 2)


async def test_a_row_carries_what_the_list_says(operator: httpx.AsyncClient, fleet: Fleet, keys: Path) -> None:
    text = (
        "song,title,work,sha256,picture,core,regions,not_before,not_after\n"
        f"A,a,W,{'ab' * 32},{'cd' * 32},yes,310000 110000,2026-01-01,2026-12-31\nB,b,,,,,,,\n"
    )
    await released(operator, keys, text)
    data = _target(fleet, published_manifest(fleet).tables[0].path)
    table = read_table(data)
    scopes = read_scopes(data[table.layout.scopes_at : table.layout.pages_at])
    row, plain = table.find("A"), table.find("B")
    assert row is not None
    assert plain is not None
    record = SongRecord(row, scopes)
    assert (record.file_key, record.picture_key, record.flags) == (b"\xab" * 16, b"\xcd" * 8, 8)
    assert (record.regions, record.not_before, record.not_after) == (("110000", "310000"), 20_454, 20_818)
    assert not SongRecord(plain, scopes).is_limited


async def test_a_release_of_few_changes_is_an_overlay(operator: httpx.AsyncClient, fleet: Fleet, keys: Path) -> None:
    songs = {f"S{number:03}": f"S{number:03},title,," for number in range(100)}

    def text() -> str:
        return "song,title,duration_s,regions\n" + "\n".join(songs.values()) + "\n"

    await released(operator, keys, text())
    songs["S001"] = "S001,title,99,110000"
    songs["S002"] = "S002,another title,,"
    del songs["S003"]
    await released(operator, keys, text())
    base, overlay = published_manifest(fleet).tables
    assert (base.entries, overlay.entries, published_manifest(fleet).entries) == (100, 2, 99)
    data = _target(fleet, overlay.path)
    changed = read_table(data).find("S001")
    assert changed is not None
    assert SongRecord(changed, read_scopes(b"110000")).regions == ("110000",)
    assert read_table(data).find("S002") is None, "boxes see no titles"
    assert read_table(data).find("S003") == gone_row("S003")
    songs["S003"] = "S003,title,,110000;310000"
    await released(operator, keys, text())
    assert [table.entries for table in published_manifest(fleet).tables] == [100, 2, 1]
    data = _target(fleet, published_manifest(fleet).tables[2].path)
    back = read_table(data).find("S003")
    assert back is not None
    record = SongRecord(back, read_scopes(b"110000;110000,310000"))
    assert record.regions == ("110000", "310000"), "scopes go on from those of the table before"
    for number in range(10, 13):
        songs[f"S{number:03}"] = f"S{number:03},title,1,"
    await released(operator, keys, text())
    assert [table.entries for table in published_manifest(fleet).tables] == [100], "a twentieth is passed"


async def test_a_release_without_changes_raises_the_epoch(
    operator: httpx.AsyncClient, fleet: Fleet, keys: Path
) -> None:
    for _ in range(9):
        await released(operator, keys, SOUND)
    manifest = published_manifest(fleet)
    assert (manifest.epoch, [table.entries for table in manifest.tables]) == (9, [2] + 8 * [0])
    await released(operator, keys, SOUND)
    assert [table.entries for table in published_manifest(fleet).tables] == [2], "no more overlays than SPEC 17 allows"


async def test_two_custodians_may_sign_one_after_the_other(
    operator: httpx.AsyncClient, fleet: Fleet, keys: Path
) -> None:
    await imported(operator, SOUND)
    candidate = await prepared(operator)
    first = await signed(operator, candidate, keys / "catalog-1.pem")
    assert (first.json()["state"], first.json()["signatures"]) == ("candidate", 1)
    again = await signed(operator, candidate, keys / "catalog-1.pem")
    assert again.json()["signatures"] == 1, "the same key twice is one custodian"
    assert fleet.publisher.folder.target("catalog/manifest.json") is None
    shown = (await operator.get("/api/v1/catalog/releases/1/candidate")).json()
    assert shown["payload"] == candidate["payload"]
    second = await signed(operator, candidate, keys / "catalog-2.pem")
    assert second.json()["state"] == "released"
    third = await signed(operator, candidate, keys / "catalog-2.pem")
    assert third.json()["state"] == "released", "and again changes nothing"


async def test_signatures_that_do_not_count(operator: httpx.AsyncClient, fleet: Fleet, keys: Path) -> None:
    await imported(operator, SOUND)
    candidate = await prepared(operator)
    stranger = await signed(operator, candidate, keys / "firmware-1.pem", keys / "catalog-2.pem")
    assert (stranger.status_code, stranger.json()["code"]) == (422, "SIGNER_UNKNOWN")
    other = dict(candidate, payload="AAAA")
    wrong = await signed(operator, other, keys / "catalog-1.pem", keys / "catalog-2.pem")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "SIGNATURE_INVALID")
    unknown = await signed(operator, dict(candidate, epoch=9), keys / "catalog-1.pem")
    assert unknown.status_code == 404
    assert fleet.publisher.folder.target("catalog/manifest.json") is None


async def test_epochs_only_rise_and_an_overtaken_candidate_is_refused(
    operator: httpx.AsyncClient, fleet: Fleet, keys: Path
) -> None:
    await imported(operator, SOUND)
    old = await prepared(operator)
    new = await prepared(operator)
    assert (old["epoch"], new["epoch"]) == (1, 2)
    two = (keys / "catalog-1.pem", keys / "catalog-2.pem")
    assert (await signed(operator, new, *two)).json()["state"] == "released"
    answer = await signed(operator, old, *two)
    assert (answer.status_code, answer.json()["code"]) == (409, "METADATA_VERSION")
    assert (await operator.get("/api/v1/catalog")).json()["epoch"] == 2


async def test_nothing_is_applied_unless_the_file_is_sound(operator: httpx.AsyncClient) -> None:
    await imported(operator, SOUND)
    bad = SOUND + ",without a number,x\n100003,sound,y\n"
    report = await imported(operator, bad)
    assert (report["sound"], report["bad"], report["applied"]) == (3, 1, 0)
    found = report["findings"][0]
    assert (found["row"], found["column"], found["code"]) == (4, "song", "CELL_MISSING")
    assert found["message_zh"]
    assert (await operator.get("/api/v1/catalog")).json()["listed"] == 2
    accepted = await imported(operator, bad, accept_sound="true")
    assert (accepted["applied"], accepted["new"], accepted["changed"], accepted["gone"]) == (3, 1, 0, 0)


async def test_the_file_is_the_list(operator: httpx.AsyncClient) -> None:
    await imported(operator, SOUND)
    report = await imported(operator, "song,title\n100002,Yesterday (live)\n100009,New\n")
    assert (report["new"], report["changed"], report["gone"]) == (1, 1, 1)
    songs = (await operator.get("/api/v1/catalog/songs")).json()
    assert [song["song"] for song in songs] == ["100002", "100009"]
    assert (await operator.get("/api/v1/catalog/songs", params={"text": "live"})).json()[0]["song"] == "100002"


async def test_one_title_and_artist_with_another_file_raises_an_alarm(
    operator: httpx.AsyncClient, fleet: Fleet
) -> None:
    """Another version, or a banned one under a new name: somebody is to look (domain rule 5)."""
    rows = [f"A,月亮,邓丽君,{'ab' * 32}", f"B,月亮,王菲,{'cd' * 32}", "C,月亮,邓丽君,"]
    text = "song,title,artist,sha256\n" + "\n".join(rows) + "\n"
    assert (await imported(operator, text))["doubles"] == []
    report = await imported(operator, f"{text}D,月亮,邓丽君,{'ef' * 32}\nE,月亮,王菲,{'cd' * 32}\n")
    assert report["doubles"] == [{"song": "D", "other": "A", "title": "月亮", "artist": "邓丽君"}]
    assert report["applied"] == 5
    with fleet.database.reading() as connection:
        assert (
            "catalog.doubles" in connection.exec_driver_sql("SELECT group_concat(action) FROM audit_rows").scalar_one()
        )
    assert (await imported(operator, text))["doubles"] == [], "told when it comes, not for ever"


async def test_each_song_that_comes_doubled_is_named_once(operator: httpx.AsyncClient) -> None:
    """Beside one that stood there before, where there is one; never beside the same file."""
    before = "song,title,artist,sha256\n" + "".join(
        f"{song},夜,林,{file * 32}\n" for song, file in (("B", "ab"), ("X", "ab"))
    )
    await imported(operator, before)
    report = await imported(operator, before + f"A,夜,林,{'cd' * 32}\nC,夜,林,{'cd' * 32}\nD,夜,林,{'ab' * 32}\n")
    named = [(double["song"], double["other"]) for double in report["doubles"]]
    assert named == [("A", "B"), ("C", "B"), ("D", "A")]


async def test_looking_for_doubles_costs_no_more_a_song_in_a_long_list(
    operator: httpx.AsyncClient, fleet: Fleet
) -> None:
    """The write lock is held meanwhile: a million songs that were compared with each other held it for days."""
    steps = []
    for songs in (500, 4_000):
        rows = [f"S{number},夜 {number % (songs - 1)},林,{number:064x}" for number in range(songs)]
        report = await imported(operator, "song,title,artist,sha256\n" + "\n".join(rows) + "\n")
        steps.append(steps_of_doubles(fleet, report["number"]))
    assert steps[1] < 16 * steps[0]


def steps_of_doubles(fleet: Fleet, number: int) -> int:
    """Instructions of the database's machine, by the hundred."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1

    with fleet.database.reading() as connection:
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(step, 100)
        try:
            assert find_doubles(connection, number)
        finally:
            driver.set_progress_handler(None, 0)
    return count


async def test_a_file_that_breaks_off_is_not_applied_even_if_sound_rows_are_accepted(
    operator: httpx.AsyncClient,
) -> None:
    report = await imported(operator, SOUND + '100003,"never closed\n', accept_sound="true")
    assert (report["applied"], report["findings"][0]["code"]) == (0, "QUOTES_WRONG")


async def test_the_original_is_kept_under_its_hash(operator: httpx.AsyncClient, fleet: Fleet) -> None:
    report = await imported(operator, SOUND)
    kept = fleet.data / "catalog" / "imports" / f"{report['sha256']}.csv"
    assert kept.read_text(encoding="utf-8") == SOUND


@pytest.mark.usefixtures("keys")
async def test_an_empty_list_is_not_released(operator: httpx.AsyncClient) -> None:
    answer = await operator.post("/api/v1/catalog/releases", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "CATALOG_EMPTY")


async def test_without_a_ceremony_there_is_no_release(operator: httpx.AsyncClient) -> None:
    await imported(operator, SOUND)
    answer = await operator.post("/api/v1/catalog/releases", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "REPOSITORY_EMPTY")


async def test_only_the_national_operator_changes_the_catalog(people: People) -> None:
    county = people.client("county", ("operator", "440106"))
    officer = people.client("officer", ("officer", "000000"))
    for client, status in ((county, {403, 404}), (officer, {403}), (people.stranger(), {401})):
        headers = {"content-type": "text/csv"}
        answer = await client.post("/api/v1/catalog/imports?name=x", content=SOUND.encode(), headers=headers)
        assert answer.status_code in status
    assert (await officer.get("/api/v1/catalog")).status_code == 200


@pytest.mark.parametrize("query", [{"map": "song"}, {"map": "song="}, {"delimiter": "x"}, {"name": ""}])
async def test_bad_parameters_are_named(operator: httpx.AsyncClient, query: dict[str, str]) -> None:
    params = {"name": "x", **query}
    answer = await operator.post(
        "/api/v1/catalog/imports", params=params, content=b"x", headers={"content-type": "text/csv"}
    )
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("REQUEST_MALFORMED", "FIELDS_INVALID")


def _target(fleet: Fleet, path: str) -> bytes:
    found = fleet.publisher.folder.target(path)
    assert found is not None
    return found.read_bytes()
