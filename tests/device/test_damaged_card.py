"""A card that gives back what was not written: whatever file it is, the box stands, says so, and is nobody else's."""

import errno
import json
from pathlib import Path

import pytest

from device import outside, whole
from device.drivers.card_files import CardFiles
from device.drivers.folder import Folder
from device.drivers.policy_store import PolicyStore
from device.services.identity_facts import OF_FACTORY
from tests import builders
from tests.builders import BoardSecret
from tests.device.test_app import World, until_page, world
from tests.fleet_server.repository.published import PublishedFleet

__all__ = ["world"]


@pytest.fixture
async def claimed(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    for module in (whole, outside):
        monkeypatch.setattr(module, "AGAIN_S", 0.05)
    async with world.on():
        await world.factory()
        assert (await world.claim())[0] == 200
    PolicyStore(Folder(world.data / "content"), world.hardware.board().secret).save(builders.policy().encode())
    return world


def flipped(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 3] ^= 1
    file.write_bytes(raw)


@pytest.mark.parametrize("name", ["box-id", "factory.json", "root.json", "fleet.json"])
async def test_14_1_one_bit_of_a_paper_is_found_and_said(claimed: World, name: str) -> None:
    entries = claimed.entries()
    flipped(claimed.data / "identity" / name)
    async with claimed.on() as running:
        await until_page(claimed, "Key or certificates are damaged")
        status, _ = await claimed.play()
        assert status in (403, 503)
        assert not running.done()
    assert {entry["box"] for entry in claimed.entries()[len(entries) :]} <= {builders.BOX}


@pytest.mark.parametrize("names", [*[(name,) for name in OF_FACTORY], OF_FACTORY])
async def test_14_1_who_takes_papers_away_is_not_the_next_factory(claimed: World, names: tuple[str, ...]) -> None:
    entries, kept = claimed.entries(), {}
    for name in names:
        file = claimed.data / "identity" / name
        kept[file] = file.read_bytes()
        file.unlink()
    async with claimed.on() as running:
        await until_page(claimed, "Key or certificates are damaged")
        status, answer = await claimed.ask("POST", "/v1/factory/csr", {"box": builders.BOX})
        assert (status, answer["code"]) == (409, "ALREADY_ENROLLED")
        assert (await claimed.play())[0] in (403, 503)
        assert not running.done()
    assert {entry["box"] for entry in claimed.entries()[len(entries) :]} <= {builders.BOX}
    assert not any((claimed.data / "identity" / name).exists() for name in names)
    for file, raw in kept.items():
        file.write_bytes(raw)
    async with claimed.on():
        await claimed.until_started()
        assert (await claimed.ask("GET", "/v1/state"))[1]["box"] == builders.BOX


async def test_14_1_a_root_of_trust_that_the_owner_put_there_is_not_used(claimed: World, tmp_path: Path) -> None:
    (tmp_path / "owner").mkdir()
    (claimed.data / "identity" / "root.json").write_bytes(PublishedFleet(tmp_path / "owner").root)
    async with claimed.on():
        await until_page(claimed, "Key or certificates are damaged")


def test_14_1_a_paper_is_read_under_its_own_name_and_by_its_own_board_only(tmp_path: Path) -> None:
    papers = CardFiles(Folder(tmp_path), BoardSecret(), b"identity")
    papers.replace("factory.json", b"{}")
    assert (papers.names(), papers.read("factory.json")) == (["factory.json"], b"{}")
    raw = (tmp_path / "factory.json").read_bytes()
    (tmp_path / "fleet.json").write_bytes(raw)
    (tmp_path / "plain.json").write_bytes(b"{}")
    settings = CardFiles(Folder(tmp_path), BoardSecret(), b"settings")
    for files, name in ((papers, "fleet.json"), (papers, "plain.json"), (settings, "factory.json")):
        with pytest.raises(OSError, match="not written by this board") as said:
            files.read(name)
        assert said.value.errno == errno.EBADMSG
    for at in range(8 * len(raw)):
        changed = bytearray(raw)
        changed[at // 8] ^= 1 << at % 8
        (tmp_path / "factory.json").write_bytes(changed)
        with pytest.raises(OSError, match="not written by this board"):
            papers.read("factory.json")


@pytest.mark.parametrize("name", ["policy.json", "catalog.json"])
async def test_8_6_content_in_a_bad_sector_is_fetched_again(
    claimed: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (claimed.data / "content" / "catalog.json").touch()
    read = Folder.read

    def read_badly(self: Folder, asked: str, *where: int) -> bytes:
        if asked == name:
            raise OSError(errno.EIO, "a bad sector")
        return read(self, asked, *where)

    monkeypatch.setattr(Folder, "read", read_badly)
    async with claimed.on():
        await claimed.until_started()
        assert (await claimed.play())[0] == 403
    said = [entry["body"] for entry in claimed.entries() if entry["kind"] in ("POLICY", "CATALOG")]
    assert "CONTENT_UNREADABLE" in json.dumps(said)


async def test_settings_with_a_changed_name_are_set_aside_and_the_box_stands(claimed: World) -> None:
    file = claimed.data / "settings" / "settings.json"
    file.write_bytes(file.read_bytes().replace(b'"name"', b'"nale"', 1))
    async with claimed.on():
        claimed.token = ""
        await claimed.until_started()
        assert (await claimed.play())[0] == 403
