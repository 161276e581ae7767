"""The process that reads one song list: `python -m fleet_server.song_lists.child`, started by `apart.py`.

Takes a line of JSON (mapping, delimiter) and the file on standard input; answers with a line of JSON about the
file, then songs, some hundred a line. It may use so much memory and time and no more, and dies with its parent.
"""

import ctypes
import json
import resource
import signal
import sys
from dataclasses import asdict
from typing import Final

from fleet_server.song_lists.check import Check, check_file

CPU_S_MAX: Final = 300
MEMORY_BYTES_MAX: Final = 3 << 30  # a million songs take under one
SONGS_A_LINE: Final = 500
_PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    _limit()
    asked = json.loads(sys.stdin.buffer.readline())
    check = check_file(sys.stdin.buffer.read(), asked["mapping"], asked["delimiter"])
    _answer(check)


def _limit() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S_MAX, CPU_S_MAX))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(check: Check) -> None:
    facts = {
        "form": None if check.form is None else asdict(check.form),
        "columns": check.columns,
        "rows": check.rows,
        "bad": check.bad,
        "is_whole": check.is_whole,
        "findings": [asdict(finding) for finding in check.findings],
    }
    _line(facts)
    for start in range(0, check.sound, SONGS_A_LINE):
        _line(check.songs[start : start + SONGS_A_LINE])


def _line(value: object) -> None:
    sys.stdout.buffer.write(json.dumps(value, ensure_ascii=False).encode() + b"\n")


if __name__ == "__main__":
    main()
