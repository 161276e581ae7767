"""What a boot says of the end before it (SPEC 9.3 BOOT `clean`)."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from device.ports import Recovered
from device.services.boot_facts import BootFacts
from tests import builders
from tests.device.drivers.crash_folder import CrashFolder


def facts(size: int, counter: int, state: bytes | None, marks: CrashFolder) -> BootFacts:
    found = Recovered(
        epoch=1,
        first=0,
        size=size,
        head=b"h" * 32 if size else b"",
        torn_bytes=0,
        torn_sha256="",
        damaged_at=None,
        since_boot=(),
    )
    board = SimpleNamespace(
        counter=SimpleNamespace(read=lambda: counter), slots=SimpleNamespace(running=lambda: "a"), secret=None
    )
    journal = SimpleNamespace(recover=lambda: found)
    store = SimpleNamespace(load=lambda: state)
    return BootFacts(builders.BOX, "1.0.0", 1, cast(Any, board), cast(Any, journal), cast(Any, store), marks)


@pytest.mark.parametrize(
    ("size", "counter", "state", "is_marked", "is_clean"),
    [
        (9, 3, b"{}", True, True),
        (9, 3, b"{}", False, False),
        (0, 0, None, False, True),
        (0, 3, b"{}", True, False),
        (0, 3, None, False, False),
        (0, 0, b"{}", True, False),
    ],
)
def test_an_end_was_orderly_where_it_is_marked_and_the_journal_is_there(
    size: int, counter: int, state: bytes | None, is_marked: bool, is_clean: bool
) -> None:
    marks = CrashFolder({"clean": bytearray()} if is_marked else {})
    boot = facts(size, counter, state, marks)
    assert boot.read().clean is is_clean
    assert marks.names() == [], "it counts once"
