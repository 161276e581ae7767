"""Installing, arming, and whether a trial is well (SPEC 13.2, 13.3)."""

import asyncio
import threading
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from device.core.effects import Install
from device.core.events import UpdateAdvanced
from device.ports import DriverError
from device.protocol.catalog import ContentFile
from device.protocol.updates import BundleManifest
from device.services import self_test
from device.services.content import Bundle, ContentError
from device.services.self_test import Health
from device.services.updates import Updates
from tests.device.trivial_board import TrivialBoard

IMAGE = bytes(range(256)) * 1000


class Inbox:
    """Where the runtime would be: events in the order they came."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Any] = asyncio.Queue()

    async def post(self, event: Any) -> None:
        await self.events.put(event)

    def post_soon(self, event: Any) -> bool:
        self.events.put_nowait(event)
        return True

    async def next(self) -> tuple[str, str]:
        event = await asyncio.wait_for(self.events.get(), 30)
        assert isinstance(event, UpdateAdvanced)
        return event.state, event.code


def a_bundle(path: Path, image: bytes = IMAGE, vouched: bytes = IMAGE) -> Bundle:
    place = path / "image"
    place.write_bytes(image)
    file = ContentFile(path="firmware/2.0.0/image", length=len(vouched), sha256=sha256(vouched).hexdigest())
    manifest = BundleManifest(
        version="2.0.0", compatible="board", security_epoch=1, image=file, text_zh="新版本", text_en="new"
    )
    return Bundle(manifest, place)


async def installed(board: TrivialBoard, bundle: Bundle | Exception) -> tuple[str, str]:
    async def fetch(_version: str, _security_epoch: int) -> Bundle:
        if isinstance(bundle, Exception):
            raise bundle
        return bundle

    inbox = Inbox()
    updates = Updates(board, fetch, inbox)
    updates.install(Install(rollout="R-1", version="2.0.0", security_epoch=1))
    outcome = await inbox.next()
    await updates.close()
    return outcome


async def test_13_2_a_bundle_is_written_to_the_other_slot_and_read_back(tmp_path: Path) -> None:
    board = TrivialBoard()
    assert await installed(board, a_bundle(tmp_path)) == ("written", "")
    assert board.other_slot == IMAGE
    assert board.armed == 0


@pytest.mark.parametrize("image", [IMAGE[:-1], IMAGE + b"x", b"x" + IMAGE[1:], b""])
async def test_13_2_what_is_read_back_must_be_what_was_vouched_for(tmp_path: Path, image: bytes) -> None:
    assert await installed(TrivialBoard(), a_bundle(tmp_path, image)) == ("rejected", "UPDATE_DIGEST")


async def test_a_bundle_that_is_not_to_be_had_has_its_code() -> None:
    for code in ("UPDATE_UNTRUSTED", "UPDATE_INCOMPATIBLE", "UPDATE_DOWNGRADE", "CONTENT_UNREACHABLE"):
        assert await installed(TrivialBoard(), ContentError(code, "")) == ("rejected", code)


async def test_a_slot_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    class Worn(TrivialBoard):
        def write(self, chunks: Iterable[bytes]) -> int:
            raise DriverError("SLOT_FAILED", "worn out")

    assert await installed(Worn(), a_bundle(tmp_path)) == ("rejected", "SLOT_FAILED")
    vanished = a_bundle(tmp_path)
    vanished.image.unlink()
    assert await installed(TrivialBoard(), vanished) == ("rejected", "SLOT_FAILED")


async def test_a_newer_leg_ends_the_one_before(tmp_path: Path) -> None:
    async def fetch(version: str, _security_epoch: int) -> Bundle:
        if version == "1.9.0":
            await asyncio.Event().wait()
        return a_bundle(tmp_path)

    inbox = Inbox()
    updates = Updates(TrivialBoard(), fetch, inbox)
    updates.install(Install(rollout="R-1", version="1.9.0", security_epoch=1))
    await asyncio.sleep(0)
    updates.install(Install(rollout="R-2", version="2.0.0", security_epoch=1))
    assert await inbox.next() == ("written", "")
    await updates.close()
    assert inbox.events.empty()


async def test_a_write_under_way_leaves_the_slot_before_the_next_begins(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(TrivialBoard):
        def write(self, chunks: Iterable[bytes]) -> int:
            written = b"".join(chunks)
            if not begun.is_set():
                begun.set()
                go_on.wait(30)
            self.other_slot = written
            return len(written)

    (tmp_path / "old").mkdir()
    bundles = {"1.9.0": a_bundle(tmp_path / "old", b"old", b"old"), "2.0.0": a_bundle(tmp_path)}

    async def fetch(version: str, _security_epoch: int) -> Bundle:
        return bundles[version]

    inbox, board = Inbox(), Slow()
    updates = Updates(board, fetch, inbox)
    updates.install(Install(rollout="R-1", version="1.9.0", security_epoch=1))
    await asyncio.to_thread(begun.wait, 30)
    updates.install(Install(rollout="R-2", version="2.0.0", security_epoch=1))
    asyncio.get_running_loop().call_later(0.1, go_on.set)
    assert await inbox.next() == ("written", "")
    await asyncio.sleep(0.1)
    assert board.other_slot == IMAGE
    await updates.close()


async def test_arming_is_told_either_way() -> None:
    class Torn(TrivialBoard):
        def arm(self) -> None:
            raise DriverError("SLOT_FAILED", "both blocks are torn")

    for board, told in ((TrivialBoard(), ("armed", "")), (Torn(), ("rejected", "SLOT_FAILED"))):
        inbox = Inbox()
        updates = Updates(board, fetch_nothing, inbox)
        updates.arm()
        assert await inbox.next() == told
        await updates.close()


async def fetch_nothing(_version: str, _security_epoch: int) -> Bundle:
    raise AssertionError("nothing is fetched here")


async def passes() -> None:
    """A check that finds nothing wrong."""


async def fails() -> None:
    raise DriverError("LAN_UNAVAILABLE", "refused")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test, "SETTLE_S", 0)
    monkeypatch.setattr(self_test, "AGAIN_S", 0.01)


@pytest.mark.usefixtures("impatient")
async def test_13_3_a_trial_is_confirmed_or_not_by_every_check() -> None:
    for checks, told in (
        ({"fleet": passes}, ("confirmed", "")),
        ({"fleet": fails}, ("rejected", "UPDATE_UNHEALTHY")),
    ):
        inbox = Inbox()
        await Health({"disk": passes}, checks, TrivialBoard()).judge_trial(inbox)
        assert await inbox.next() == told


@pytest.mark.usefixtures("impatient")
async def test_a_check_that_hangs_fails_by_name() -> None:
    async def hangs() -> None:
        await asyncio.Event().wait()

    assert await self_test.failures({"disk": passes, "lan": hangs}) == ["lan"]


@pytest.mark.usefixtures("impatient")
async def test_an_ordinary_boot_gets_its_attempt_back_when_it_is_well_however_late() -> None:
    board = TrivialBoard()
    tries = 0

    async def passes_late() -> None:
        nonlocal tries
        tries += 1
        assert board.confirmed == 0
        if tries < 10 * self_test.TRIES_MAX:
            await fails()

    await Health({"lan": passes_late}, {"fleet": fails}, board).give_attempt_back(is_only=True)
    assert (tries, board.confirmed, board.is_only) == (10 * self_test.TRIES_MAX, 1, True)


async def test_the_disk_check_notices_a_disk_that_forgets() -> None:
    kept = [b""]

    def keep(data: bytes) -> None:
        kept[0] = data

    await self_test.disk_check(keep, lambda: kept[0])()
    with pytest.raises(DriverError, match="JOURNAL_UNAVAILABLE"):
        await self_test.disk_check(keep, lambda: b"")()
