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
from device.inside import Inside
from device.protocol.catalog import CatalogManifest
from device.settings import Lan, Settings
from tests import builders, serving_box

PLAYS_COUNT = 500


def settings_of(folder: Path) -> Settings:
    return Settings(data_dir=folder / "box", board="emulated", board_dir=folder / "board", lan=Lan(port=0))


async def written(folder: Path) -> str:
    """Identity, content, state, journal; returns the token."""
    settings = settings_of(folder)
    ahead_ms = builders.NOON_MS - time.time_ns() // 1_000_000  # no bench may meet the closing hours
    settings.board_dir.mkdir()
    (settings.board_dir / "files.json").write_text(json.dumps({"counter": 0, "ahead_ms": ahead_ms}))

    def lay_catalog(catalog: CatalogFile) -> None:
        raw = (folder / "manifest.json").read_bytes()
        (table,) = CatalogManifest.decode(raw).tables
        shutil.copyfile(folder / "catalog.bin", settings.data_dir / "content" / catalog.name_of(table))
        catalog.switch(raw)

    board = BoardOfFiles(settings.board_dir).board()
    return await serving_box.written(settings, board, folder, builders.policy(), lay_catalog, _sung)


async def _sung(inside: Inside) -> None:
    for number in range(PLAYS_COUNT):
        event = on.PlayRequested(
            request=f"r{number}", room=f"K{number % 50}", song=songs.song_id(number), kind="guest", file=""
        )
        await inside.runtime.ask(event.request, event)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(written(Path(sys.argv[1])))))
