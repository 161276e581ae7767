"""``python -m hil_tests.board --dir DIR``: one emulated board, until SIGTERM or the end of its parent."""

import argparse
import asyncio
import signal
from pathlib import Path

from hil_tests.board.board import Board
from hil_tests.board.layout import BoardDir
from hil_tests.board.power import die_with_parent


async def run(directory: BoardDir, power: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    board = Board(directory)
    await board.open()
    try:
        if power:
            board.power_on()
        await stop.wait()
    finally:
        await board.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m hil_tests.board",
        description="An emulated board: power, boot loader, slots, clocks, lines, serial and network cables.",
        epilog="Steer it through DIR/board.sock, one JSON object a line: "
        """echo '{"do":"status"}' | nc -UN DIR/board.sock""",
    )
    parser.add_argument("--dir", required=True, type=Path, help="the board's folder; made if missing")
    parser.add_argument("--power", choices=("on", "off"), default="off", help="at the start (default: off)")
    parser.add_argument("--leave-with-parent", action="store_true", help="end when the starting process ends")
    asked = parser.parse_args()
    if asked.leave_with_parent:
        die_with_parent()
    asyncio.run(run(BoardDir(asked.dir.resolve()), asked.power == "on"))


if __name__ == "__main__":
    main()
