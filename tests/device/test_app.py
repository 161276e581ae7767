"""The whole program of the box in this process: a bare box becomes a claimed one, and falls and rises."""

import ast
import asyncio
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509

from device import app, outside, whole
from device.drivers.folder import Folder
from device.drivers.journal_file import JournalFile
from device.protocol.enrolment import Voucher
from device.services import health, self_test
from device.settings import Lan, Serial, Settings
from tests import builders
from tests.device.drivers.journal_builders import OWNER
from tests.device.services.enrolment_fleet import SECRET, EnrolmentFleet, base64_of, enrolment_fleet
from tests.device.trivial_board import TrivialBoard
from tests.device.turned import point
from tests.fleet_server.fake_box import eventually
from tests.fleet_server.repository.published import PublishedFleet

LABEL = "LABEL-01"


class World:
    """A box on its disk and board, and the fleet it may reach."""

    def __init__(self, path: Path, fleet: EnrolmentFleet, root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.data = path / "box"
        self.fleet = fleet
        self.root = root
        self.hardware = TrivialBoard()
        self.token = ""
        monkeypatch.setattr(app, "_open_board", lambda _settings: self.hardware.board())

    @asynccontextmanager
    async def on(self) -> AsyncIterator["asyncio.Task[int]"]:
        """Power on; told to stop at the end, as by the init system."""
        settings = Settings(
            data_dir=self.data,
            board="emulated",
            lan=Lan(port=0),
            serial=Serial(path=str(self.path / "no-such-port"), baud=9600),
        )
        (self.data / "lan-address").unlink(missing_ok=True)
        task = asyncio.create_task(whole.live(app.Begun(settings, set(), lambda: None)))
        await eventually(lambda: (self.data / "lan-address").exists() or task.done(), "the LAN interface")
        try:
            yield task
        finally:
            if not task.done():
                signal.raise_signal(signal.SIGTERM)
                async with asyncio.timeout(30):
                    assert await task == 0

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        url = f"http://{(self.data / 'lan-address').read_text()}{path}"
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, json=body, headers=headers) as response,
        ):
            return response.status, await response.json()

    async def factory(self) -> None:
        _, answer = await self.ask("POST", "/v1/factory/csr", {"box": builders.BOX})
        csr = x509.load_der_x509_csr(base64.b64decode(answer["csr"]))
        ca = base64_of(self.fleet.pki.ca.certificate)
        body = {
            "certificate": self.fleet.certificate_of(csr),
            "factory_ca": ca,
            "root": base64.b64encode(self.root).decode(),
            "fleet_url": self.fleet.url,
            "fleet_ca": ca,
            "label_code": LABEL,
        }
        assert await self.ask("PUT", "/v1/factory/identity", body) == (200, {"box": builders.BOX})
        await self.until_started()

    async def pair(self) -> None:
        status, body = await self.ask("POST", "/v1/pair", {"label_code": LABEL, "vod": "vod"})
        assert status == 201
        self.token = body["token"]

    async def claim(self) -> tuple[int, Any]:
        voucher = Voucher(
            voucher="V-0001", box=builders.BOX, venue=builders.VENUE, secret=SECRET, not_after_ms=builders.NOON_MS
        )
        return await self.ask("POST", "/v1/claim", {"voucher": json.loads(voucher.encode())})

    async def play(self) -> tuple[int, str]:
        status, body = await self.ask("POST", "/v1/plays", {"room": "K1", "song": "1", "kind": "guest"})
        return status, body["code"]

    async def until_started(self) -> None:
        if not self.token:
            await self.pair()
        async with asyncio.timeout(30):
            while (await self.ask("GET", "/v1/state"))[0] != 200:
                pass

    def entries(self) -> list[dict[str, Any]]:
        """Of a copy: a recovery sets aside what it takes for torn, and the box may be writing it just now."""
        copy = self.path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for file in (self.data / "journal").iterdir():
            with suppress(FileNotFoundError):  # the spare segment just got its name
                shutil.copy(file, copy)
        journal = JournalFile(Folder(copy), OWNER)
        size = journal.recover().size
        return [json.loads(frame.entry) for frame in journal.read(0, size, 1 << 20)]


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(self_test, "SETTLE_S", 0.05)
    (tmp_path / "pki").mkdir()
    async with enrolment_fleet(tmp_path / "pki") as fleet:
        yield World(tmp_path, fleet, PublishedFleet(tmp_path / "published").root, monkeypatch)


async def test_a_bare_box_becomes_a_claimed_one_without_a_restart(world: World) -> None:
    async with world.on():
        assert world.hardware.lamps == ["unclaimed"]
        await world.factory()
        assert await world.play() == (403, "BOX_UNCLAIMED")
        assert (await world.claim())[0] == 200
        assert await world.play() == (403, "LEASE_EXPIRED")
        _, state = await world.ask("GET", "/v1/state")
    assert (state["venue"], state["state"], state["online"]) == (builders.VENUE, "expired", False)
    assert "SERIAL_DOWN" in state["faults"]
    kinds = [entry["kind"] for entry in world.entries()]
    assert kinds[0] == "BOOT"
    assert kinds.count("CLAIM") == 1


async def test_a_voucher_with_a_slip_in_its_venue_code_is_named_so(world: World) -> None:
    async with world.on():
        await world.factory()
        voucher = {"v": 1, "voucher": "V-0001", "box": builders.BOX, "secret": SECRET, "not_after_ms": 1}
        wrong = builders.VENUE[:-1] + ("1" if builders.VENUE[-1] != "1" else "2")
        status, body = await world.ask("POST", "/v1/claim", {"voucher": dict(voucher, venue=wrong)})
        assert (status, body["code"]) == (422, "VENUE_CODE_CHECK")
        status, body = await world.ask("POST", "/v1/claim", {"voucher": voucher})
        assert (status, body["code"]) == (422, "REQUEST_MALFORMED")


async def test_a_start_says_how_the_last_one_ended_and_claims_only_once(world: World) -> None:
    async with world.on():
        await world.factory()
        await world.claim()
    async with world.on():
        await world.until_started()
    (world.data / "run" / "clean").unlink()
    async with world.on():
        await world.until_started()
        assert (await world.ask("GET", "/v1/state"))[1]["boot"] == 3
    entries = world.entries()
    assert [entry["body"]["clean"] for entry in entries if entry["kind"] == "BOOT"] == [True, True, False]
    assert [entry["kind"] for entry in entries].count("CLAIM") == 1


async def test_a_disk_that_comes_back_needs_no_restart(world: World) -> None:
    async with world.on():
        await world.factory()
    journal, folder, broken = world.data / "journal", world.data / "elsewhere", world.data / "broken"
    journal.rename(folder)
    broken.write_bytes(b"not a folder")
    point(journal, broken)
    async with world.on():
        assert await world.play() == (503, "JOURNAL_UNAVAILABLE")
        assert (await world.ask("GET", "/v1/state"))[0] == 503
        point(journal, folder)
        await world.until_started()
        assert await world.play() == (403, "BOX_UNCLAIMED")


async def state_of(world: World) -> list[str]:
    """The faults; empty while the state is not told."""
    status, body = await world.ask("GET", "/v1/state")
    return list(body["faults"]) if status == 200 else []


async def until_faults(world: World, code: str, present: bool) -> None:
    async with asyncio.timeout(30):
        while (code in await state_of(world)) is not present:
            pass


@pytest.mark.parametrize("name", ["box.key.sealed", "factory.json", "enrol-ca.pem"])
async def test_a_damaged_identity_is_said_on_the_lan_and_a_repaired_one_needs_no_restart(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for module in (whole, outside):
        monkeypatch.setattr(module, "AGAIN_S", 0.05)
    async with world.on():
        await world.factory()
    file = world.data / "identity" / name
    good = file.read_bytes()
    for _ in range(2):
        file.write_bytes(good[:-40] + b"x" * 40 if name == "box.key.sealed" else b"damaged")
        async with world.on():
            await until_page(world, "Key or certificates are damaged")
            assert await world.play() == (503, "JOURNAL_UNAVAILABLE")
            status, body = await world.ask("POST", "/v1/factory/csr", {"box": builders.BOX})
            assert (status, body["code"]) == (409, "ALREADY_ENROLLED")
            file.write_bytes(good)
            await world.until_started()
            assert await world.play() == (403, "BOX_UNCLAIMED")


async def until_page(world: World, sentence: str) -> None:
    url = f"http://{(world.data / 'lan-address').read_text()}/?lang=en"
    async with asyncio.timeout(10), aiohttp.ClientSession() as session:
        while True:
            async with session.get(url) as response:
                if sentence in await response.text():
                    return


async def test_a_damaged_root_of_trust_is_said_on_the_lan(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "AGAIN_S", 0.05)
    async with world.on():
        await world.factory()
    (world.data / "identity" / "root.json").write_bytes(b"{}")
    async with world.on():
        await until_page(world, "Key or certificates are damaged")


async def test_settings_that_cannot_be_kept_degrade_and_heal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "SETTINGS_AGAIN_S", 0.05)
    settings, folder, broken = world.data / "settings", world.data / "elsewhere", world.data / "broken"
    folder.mkdir(parents=True)
    broken.write_bytes(b"not a folder")
    point(settings, folder)
    async with world.on():
        await world.factory()
        for number in range(3):
            point(settings, broken)
            wanted = {"label_code": LABEL, "vod": f"vod-{number}"}
            status, body = await world.ask("POST", "/v1/pair", wanted)
            assert (status, body["code"]) == (503, "SETTINGS_UNAVAILABLE")
            await until_faults(world, "SETTINGS_UNAVAILABLE", present=True)
            point(settings, folder)
            await until_faults(world, "SETTINGS_UNAVAILABLE", present=False)
    point(settings, broken)
    async with world.on():
        await until_page(world, "The settings cannot be read or saved")
        point(settings, folder)
        await world.until_started()


async def test_the_watchdog_is_fed_and_the_attempt_given_back(world: World) -> None:
    async with world.on():
        await world.factory()
        await eventually(lambda: world.hardware.fed and not world.hardware.trial, "a fed watchdog, a good slot")
    assert world.hardware.confirmed == 1


async def test_what_is_out_of_order_is_written_down_and_so_is_its_end(world: World) -> None:
    async with world.on() as _:
        await world.factory()
        await eventually(lambda: faults_of(world) == [("SERIAL_DOWN", True)], "the fault in the journal")
        far, near = os.openpty()
        (world.path / "no-such-port").symlink_to(os.ttyname(near))
        await eventually(lambda: faults_of(world)[1:] == [("SERIAL_DOWN", False)], "its end")
        os.close(far)
        os.close(near)


def faults_of(world: World) -> list[tuple[str, bool]]:
    found = [entry["body"] for entry in world.entries() if entry["kind"] == "FAULT"]
    return [(body["code"], body["begun"]) for body in found]


async def test_the_seal_is_written_down_when_it_opens(world: World) -> None:
    async with world.on():
        await world.factory()
        world.hardware.told[0](True)
        # A disk that paused has it only when it is recovered: the state is there before the entry.
        await eventually(lambda: [body for body in seals_of(world) if body["open"]], "the opening in the journal")
        _, state = await world.ask("GET", "/v1/state")
    assert state["seal"] == "open"
    # The first record of a boot is bound to 1, the opening to one behind it: the next, unless the disk paused.
    assert state["opening"] >= 2
    assert seals_of(world)[-1] == {"open": True, "opening": state["opening"], "at_boot": False}


def seals_of(world: World) -> list[dict[str, Any]]:
    return [entry["body"] for entry in world.entries() if entry["kind"] == "SEAL"]


def start(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "device", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_settings_file_that_cannot_be_used_is_one_line_and_exit_64(tmp_path: Path) -> None:
    file = tmp_path / "box.toml"
    file.write_text('data_dir = "/nowhere"\nboardx = "emulated"\n')
    ended = start("--config", str(file))
    assert ended.returncode == 64
    assert ended.stderr.count("\n") == 1
    assert "box.toml:2: boardx: unknown key; is board meant?" in ended.stderr


def test_a_board_that_is_not_there_is_one_line_and_exit_69(tmp_path: Path) -> None:
    file = tmp_path / "box.toml"
    file.write_text(f'data_dir = "{tmp_path}"\nboard = "emulated"\nboard_dir = "{tmp_path}"\n')
    ended = start("--config", str(file))
    assert ended.returncode == 69
    assert "BOARD_FAILED" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_nothing_but_the_standard_library_is_read_in_before_the_first_answer() -> None:
    """What a play waits for at a start; every package costs more than all of it."""
    program = (
        "import sys; import device.program, device.drivers.emulated.board;"
        "print([name for name in sys.modules if '.' not in name and name not in ('__main__', 'device')"
        " and name not in sys.stdlib_module_names])"
    )
    root = Path(app.__file__).parent.parent
    said = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ""},
    ).stdout
    assert ast.literal_eval(said) == []
