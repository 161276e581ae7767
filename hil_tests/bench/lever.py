"""``python -m hil_tests.bench.lever DIR WHAT ...``: a hand on an emulated board that already runs."""

import json
import re
import sys
from pathlib import Path

from hil_tests.bench.board import BoardError, EmulatedBoard
from hil_tests.command import parser

UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
NETWORK = {"cut": "cut", "stall": "stalled", "heal": "healed"}
SEAL = {"open": True, "close": False}
WAYS = "power on|off|cut|reset, network cut|stall|heal, seal open|close, clock +6h|-2d|+30m, status"


def main() -> None:
    options = parser(
        "hil_tests.bench.lever",
        f"A hand on an emulated board that already runs: {WAYS}.",
        examples="""
            python -m hil_tests.bench.lever board power cut
            python -m hil_tests.bench.lever board clock +6h
        """,
    )
    options.add_argument("dir", type=Path, help="the board's folder")
    options.add_argument("what", choices=("power", "network", "seal", "clock", "status"))
    options.add_argument("how", nargs="?", default="")
    asked = options.parse_args()
    board = EmulatedBoard(asked.dir)
    try:
        _pull(board, asked.what, asked.how)
    except KeyError as error:
        options.error(f"{asked.what} {error}: wanted is one of {WAYS}")
    except (BoardError, OSError, ValueError) as error:
        sys.exit(f"board: {error}")
    sys.stdout.write(json.dumps(board.status(), indent=2) + "\n" if asked.what == "status" else "")


def _pull(board: EmulatedBoard, what: str, how: str) -> None:
    match what:
        case "power":
            board.ask("power", to=how)
        case "network":
            board.ask("cable", state=NETWORK[how])
        case "seal":
            board.open_seal(SEAL[how])
        case "clock":
            found = re.fullmatch(r"([+-]\d+)([mhd])", how)
            if not found:
                raise ValueError(f"{how!r}: wanted is something like +6h, -2d or +30m")
            by_ms = int(found[1]) * UNIT_MS[found[2]]
            # Time that goes by moves both clocks; back goes only the one with the battery.
            board.jump(rtc_ms=by_ms, mono_ms=max(by_ms, 0))


if __name__ == "__main__":
    main()
