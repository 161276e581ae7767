"""``python -m hil_tests.board --dir DIR``: one emulated board, until SIGTERM or the end of its parent."""

import asyncio
import signal
from pathlib import Path

from hil_tests.board.board import Board
from hil_tests.board.layout import BoardDir
from hil_tests.board.power import die_with_parent
from hil_tests.command import parser


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
    options = parser(
        "hil_tests.board",
        "An emulated board: power, boot loader, slots, clocks, lines, serial and network cables. "
        "DIR/board.sock steers it, one JSON object a line.",
        examples="""
            python -m hil_tests.board --dir board --power on
            echo '{"do":"status"}' | nc -UN board/board.sock
        """,
    )
    options.add_argument("--dir", required=True, type=Path, help="the board's folder; made if missing")
    options.add_argument("--power", choices=("on", "off"), default="off", help="at the start (default: off)")
    options.add_argument("--leave-with-parent", action="store_true", help="end when the starting process ends")
    asked = options.parse_args()
    if asked.leave_with_parent:
        die_with_parent()
    asyncio.run(run(BoardDir(asked.dir.resolve()), asked.power == "on"))


if __name__ == "__main__":
    main()
