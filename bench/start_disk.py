"""The disk of a box in service for the start bench: ``python -m bench.start_disk FOLDER``.

FOLDER/board is the board (`start_box.py`). Prints the token of a VOD server.
"""

import asyncio
import json
import shutil
import sys
import time
from pathlib import Path

from bench import songs
from bench.start_box import BoardOfFiles
from device.core import events as on
from device.drivers.catalog_file import CatalogFile
from device.drivers.journal_bookmark import SLOTS
from device.inside import Inside
from device.protocol.catalog import CatalogManifest
from device.settings import Lan, Settings
from tests import builders, serving_box

PLAYS_COUNT = 500
UNMARKED_COUNT = 30  # of them behind the bookmark: two entries each, and it comes every CHECKPOINT_ENTRIES (64)
MARK_WITHIN_S = 30


def settings_of(folder: Path) -> Settings:
    return Settings(data_dir=folder / "box", board="emulated", board_dir=folder / "board", lan=Lan(port=0))


async def written(folder: Path) -> str:
    """Identity, content, state, journal; returns the token."""
    settings = settings_of(folder)
    ahead_ms = builders.NOON_MS - time.time_ns() // 1_000_000  # no bench may meet the closing hours
    (folder / "board").mkdir()
    (folder / "board" / "files.json").write_text(json.dumps({"counter": 0, "ahead_ms": ahead_ms}))

    def lay_catalog(catalog: CatalogFile) -> None:
        raw = (folder / "manifest.json").read_bytes()
        (table,) = CatalogManifest.decode(raw).tables
        shutil.copyfile(folder / "catalog.bin", folder / "box" / "content" / catalog.name_of(table))
        catalog.switch(raw)

    async def sing(inside: Inside) -> None:
        await _sung(inside, folder / "box" / "journal")

    board = BoardOfFiles(folder / "board").board()
    return await serving_box.written(settings, board, folder, builders.policy(), lay_catalog, sing)


async def _sung(inside: Inside, journal: Path) -> None:
    """So many plays take hours: the bookmark that the box writes beside them has its time before the last ones."""
    await _sung_from(inside, range(PLAYS_COUNT - UNMARKED_COUNT))
    ends_s = time.monotonic() + MARK_WITHIN_S
    while inside.journal.needs_tending or not (journal / SLOTS[0]).exists():
        assert time.monotonic() < ends_s, "the box writes no bookmark"
        await asyncio.sleep(0.1)
    await _sung_from(inside, range(PLAYS_COUNT - UNMARKED_COUNT, PLAYS_COUNT))


async def _sung_from(inside: Inside, numbers: range) -> None:
    for number in numbers:
        event = on.PlayRequested(
            request=f"r{number}", room=f"K{number % 50}", song=songs.song_id(number), kind="guest", file=""
        )
        await inside.runtime.ask(event.request, event)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(written(Path(sys.argv[1])))))
