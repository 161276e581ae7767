"""``python -m hil_tests.vod``: an emulated VOD server that sings at a box until SIGTERM."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from hil_tests.board.power import die_with_parent
from hil_tests.command import parser
from hil_tests.vod.lan import BoxLan
from hil_tests.vod.serial import BoxSerial
from hil_tests.vod.server import VodServer
from hil_tests.vod.songbook import read_songs
from hil_tests.vod.tally import TallyFile


async def sing(asked: argparse.Namespace) -> None:
    box = BoxSerial(asked.serial) if asked.serial else BoxLan(asked.box, asked.token_file.read_text().strip())
    await box.open()
    try:
        with TallyFile(asked.tally) as tally:
            songs = read_songs(asked.songs)
            server = VodServer(box, tally, songs, asked.seed, asked.pace, confirms=asked.confirm_reopening)
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, server.close)
            await server.run([f"{room:02d}" for room in range(1, asked.rooms + 1)], asked.plays)
    finally:
        await box.close()


def _options() -> argparse.ArgumentParser:
    options = parser(
        "hil_tests.vod",
        "A VOD server with rooms that sing at an accelerated pace and a count of its own. "
        "At SIGTERM the songs that run are ended first.",
        examples="""
            python -m hil_tests.vod --box http://127.0.0.1:8101 --token-file token --songs songs.csv --tally plays.jsonl
            python -m hil_tests.vod --serial board/serial/vod --songs songs.csv --tally plays.jsonl --rooms 2 --plays 50
        """,
    )
    where = options.add_mutually_exclusive_group(required=True)
    where.add_argument("--box", metavar="URL", help="LAN address of the box")
    where.add_argument("--serial", metavar="PATH", help="serial line to the box instead")
    options.add_argument("--token-file", type=Path, help="file with the bearer token from pairing")
    options.add_argument("--songs", type=Path, required=True, help="CSV with song,duration_s[,kind]")
    options.add_argument("--tally", type=Path, required=True, help="own count, appended to; one fact a line")
    options.add_argument("--rooms", type=int, default=12, help="rooms that sing (default: 12)")
    options.add_argument("--plays", type=int, help="end after so many plays (default: never)")
    options.add_argument("--seed", default="1", help="of the guests' choices (default: 1)")
    options.add_argument("--pace", type=float, default=1.0, help="2 sings twice as fast (default: 1)")
    options.add_argument(
        "--confirm-reopening", action="store_true", help="the owner confirms at once when a suspension has run out"
    )
    options.add_argument("--leave-with-parent", action="store_true", help="end when the starting process ends")
    return options


def main() -> None:
    options = _options()
    asked = options.parse_args()
    if asked.box and not asked.token_file:
        options.error("--box needs --token-file: the box answers nobody without a token")
    if asked.leave_with_parent:
        die_with_parent()
    try:
        asyncio.run(sing(asked))
    except (OSError, ValueError) as error:
        sys.exit(f"vod: {error}")


if __name__ == "__main__":
    main()
