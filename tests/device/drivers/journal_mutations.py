"""What keeps an acknowledged play on the card, broken one rule at a time: the crash states must find each.

with MUTATIONS["entries are not synced"]():
    crash_states.run(2_000, seed=1)              # AssertionError
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from device.drivers import journal_recovery, journal_torn
from device.drivers.folder import Folder
from device.drivers.journal_bookmark import Fold
from device.drivers.journal_file import JournalFile
from device.drivers.journal_room import Room
from device.protocol import journal
from tests.device.drivers.crash_folder import CrashFolder


def _changed(target: Any, name: str, value: Any) -> Callable[[], AbstractContextManager[None]]:
    @contextmanager
    def broken() -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(target, name, value)
            yield

    return broken


def _frame_whatever_its_sum(data: bytes, offset: int = 0) -> tuple[bytes, bytes, int] | None:
    """`parse_frame` without the CRC."""
    header_end = offset + journal.FRAME_HEADER_BYTES
    length = int.from_bytes(data[offset + 2 : offset + 6], "big")
    end = header_end + length + journal.CHAIN_BYTES
    if data[offset : offset + 2] != journal.FRAME_MAGIC or len(data) < end:
        return None
    return data[header_end : header_end + length], data[header_end + length : end], end


def _sync_but(ending: str) -> Callable[[CrashFolder, str], None]:
    def sync(folder: CrashFolder, name: str) -> None:
        if not name.endswith((ending, f"{ending}.new")):
            _SYNC(folder, name)

    return sync


def _sync_names_but_of_segments(folder: CrashFolder) -> None:
    if not any(name.endswith(".fbj") for name in folder.files):
        _SYNC_NAMES(folder)


def _replace_in_place(folder: Folder, name: str, data: bytes) -> None:
    folder.write(name, 0, data)
    folder.sync(name)
    folder.sync_names()


def _recover_believing_all(journal_on_disk: JournalFile) -> Any:
    journal_on_disk._durable = None
    return _RECOVER(journal_on_disk)


def _as_it_reads(_folder: Any, _owner: Any, known: Any, mark: Fold, raw: bytes, _count: Any) -> Any:
    """A bookmark, believed over the journal."""
    size = mark.last.seq + 1
    mark.next = mark.next._replace(seq=size)
    return journal_recovery.Found(mark, list(mark.starts.values()), [mark.head], size, raw, mark.last.offset)


_RECOVER = JournalFile._recover
_SYNC, _SYNC_NAMES = CrashFolder.sync, CrashFolder.sync_names

MUTATIONS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "entries are not synced": _changed(CrashFolder, "sync", _sync_but(".fbj")),
    "names of segments are not synced": _changed(CrashFolder, "sync_names", _sync_names_but_of_segments),
    "the state record is not synced": _changed(CrashFolder, "sync", _sync_but("state.json")),
    "a frame has no checksum": _changed(journal, "parse_frame", _frame_whatever_its_sum),
    "a failed sync is forgotten": _changed(JournalFile, "_recover", _recover_believing_all),
    "what the fleet does not hold is dropped": _changed(Room, "spent", lambda _room, known: known[:-1]),
    "a bookmark is believed": _changed(journal_recovery, "_from_bookmark", _as_it_reads),
    "what one sync made durable is taken for two groups": _changed(journal_recovery, "GROUP_MS_MAX", 0),
    "torn bytes are thrown away": _changed(journal_torn, "keep", lambda *_: None),
    "a record is replaced in place": _changed(Folder, "replace", _replace_in_place),
}
