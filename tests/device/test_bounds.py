"""What of the box grows with what others send has a limit with a name; nothing else may grow at all.

A new attribute that is made as an empty container must be entered here: with the constant that bounds it, or with the
reason why nobody outside can fill it. Then the core is flooded, and every limit is held against what it has become.
"""

import ast
from collections.abc import Iterator, Sized
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from device.core import events as on
from device.core.holds import Holds
from device.core.refusals import Refusals
from tests.box_rig import Rig
from tests.builders import notice_envelope, order_envelope

DEVICE = Path(__file__).parents[2] / "device"
GROWING = {"list", "dict", "set", "deque", "Counter", "Queue", "OrderedDict", "defaultdict", "bytearray"}

# attribute -> constants (module:NAME, multiplied), or in brackets why nobody outside can fill it.
BOUNDS = {
    "core.content.Content.rules": "core.content:RULES_MAX",
    "core.banned.ListedBans._by_key": "[of a signed file, SPEC 8.7]",
    "core.holds.Holds._banned": "protocol.limits:BANNED_MAX",
    "core.holds.Holds._endings": "protocol.limits:ENDINGS_MAX",
    "core.holds.Holds._holds": "protocol.limits:HOLDS_MAX",
    "core.holds.Holds._in_doubt": "protocol.limits:HOLDS_MAX",
    "core.holds.Holds._of_rooms": "protocol.limits:HOLDS_MAX",
    "core.journal.JournalEnd._in_flight": "core.journal:DRAFTS_MAX 2",
    "core.journal.JournalEnd._waiting": "core.journal:DRAFTS_MAX",
    "core.memory.Memory.cut_at_ms": "protocol.limits:HOLDS_MAX",
    "core.memory.Memory.kept_holds": "protocol.limits:HOLDS_MAX",
    "core.memory.Memory.reopening": "protocol.limits:HOLDS_MAX",
    "core.memory.Memory.told": "protocol.limits:PLAYS_OPEN_MAX",
    "core.notices.Notices._held": "protocol.limits:NOTICES_MAX",
    "core.orders.KnownOrders._known": "core.orders:KNOWN_ORDERS_MAX",
    "core.plays.Plays._by_name": "protocol.limits:PLAYS_OPEN_MAX",
    "core.plays.Plays._by_room": "protocol.limits:PLAYS_OPEN_MAX",
    "core.plays.Plays._ended": "core.plays:ENDED_MAX 2",
    "core.plays.Plays._ended_order": "core.plays:ENDED_MAX 2",
    "core.refusals.Refusals.counts": "core.refusals:COUNTS_MAX",
    "core.refusals.Refusals.last": "core.refusals:LAST_REJECTIONS_MAX",
    "core.turn.Turn.effects": "[of one event]",
    "first_loop.FirstLoop._from_threads": "[a call for each thread that has ended its work]",
    "first_loop.FirstLoop._readers": "[the door is one, whoever comes in; else the board's]",
    "first_loop.FirstLoop._soon": "[calls of the parts of the program, for two seconds]",
    "first_loop.FirstLoop._tasks": "[the parts of the program]",
    "first_loop.FirstLoop._timers": "[as _tasks, and one for what is written]",
    "first_loop.Happening._waiting": "[the parts of the program]",
    "first_loop._Future._told": "[who waits is in the program]",
    "inside.Inside._tasks": "[the runtime, its start and its end]",
    "drivers.catalog_file._Pages.checked": "[a flag for each page of a signed file]",
    "drivers.emulated.link.BoardLink._subscribers": "[who listens is in the program]",
    "drivers.folder.Folder._open": "[files of our own names; a segment is released when it is full]",
    "drivers.folder.Folder._direct": "[as _open]",
    "drivers.gpio_lines.GpioLines._told": "[who listens is in the program]",
    "drivers.journal_bookmark.Fold._places": "drivers.journal_bookmark:RECENT_ENTRIES",
    "services.lan_couriers.Couriers._allowances": "services.lan_couriers:ADDRESSES_MAX",
    "services.lan_couriers.Couriers._at_work": "services.lan_couriers:AT_A_TIME_MAX",
    "services.journal_feed.JournalFeed._owing": "[an epoch for each time that a journal was lost]",
    "drivers.journal_bookmark.Fold.acked": "[an epoch for each time that a journal was lost]",
    "drivers.journal_bookmark.Fold.ended": "[as acked]",
    "drivers.journal_bookmark.Fold.starts": "protocol.limits:PLAYS_OPEN_MAX",
    "drivers.journal_room.Room.acked": "[an epoch for each time that a journal was lost]",
    "drivers.journal_room.Room.ended": "[an epoch for each time that a journal was lost]",
    "drivers.journal_file.JournalFile._heads": "drivers.journal_file:HEADS_MAX",
    "drivers.journal_file.JournalFile._segments": "[the quota of the journal, SPEC 9]",
    "drivers.mqtt_paho.PahoUplink._arrived": "drivers.mqtt_paho:ARRIVED_MAX",
    "drivers.mqtt_paho.PahoUplink._published": "[one publish at a time is waited for]",
    "drivers.serial_line.SerialLine._arrived": "drivers.serial_line:CHUNKS_WAITING_MAX",
    "inside.Inside._later": "inside:LATER_MAX",
    "services.content.Content._told": "[three kinds of content]",
    "services.download_room.Room._coming": "services.download_room:UNDER_WAY_MAX",
    "services.desk.Desk.faults": "[codes of SPEC 18]",
    "services.desk.Desk.refused": "[codes of STRANGERS]",
    "services.journal_feed.JournalFeed._open": "services.journal_feed:BATCHES_OPEN_MAX",
    "services.lan_answers.Answers._heads": "[statuses of HTTP that we give]",
    "services.lan_connection.Connection._heads": "services.lan_connection:HEADS_MAX",
    "services.lan_guests.Shared.known": "services.lan_quick:KNOWN_MAX",
    "services.lan_guests.Shared.open": "services.lan_seats:STRANGERS_MAX 2",
    "services.lan_door.Door._dying": "services.lan_seats:STRANGERS_MAX 2",
    "services.lan_door.Door._readers": "services.lan_seats:STRANGERS_MAX 2",
    "services.lan_door.Door._wires": "services.lan_seats:STRANGERS_MAX 2",
    "services.lan_quick.Asked.allowed": "services.lan_quick:SONG_BYTES_MAX",
    "services.lan_quick.Quick._queries": "services.lan_quick:QUERIES_MAX",
    "services.lan_seats.Seats._by_address": "services.lan_seats:STRANGERS_MAX",
    "services.lan_seats.Seats._known": "services.lan_seats:ADDRESSES_MAX",
    "services.lan_seats.Seats._paired": "services.lan_seats:PAIRED_MAX",
    "services.lan_seats.Seats._strangers": "services.lan_seats:STRANGERS_MAX",
    "services.listeners.Listeners._mailboxes": "services.listeners:WITH_SERIAL_MAX",
    "services.pairing.Pairing._hashes": "services.pairing:PAIRED_MAX",
    "services.pairing.Pairing._tries_ms": "services.pairing:TRIES_PER_MINUTE_MAX",
    "services.runtime.Runtime._acts": "[kinds of effects]",
    "services.runtime.Runtime._disk_calls": "services.runtime:QUEUE_MAX",
    "services.runtime.Runtime._failing": "[kinds of effects]",
    "services.runtime.Runtime._queue": "services.runtime:QUEUE_MAX",
    "services.runtime.Runtime._told": "services.runtime:QUEUE_MAX",
    "services.runtime.Runtime._waiting": "services.runtime:QUEUE_MAX",
    "services.runtime.Runtime.faults": "[codes of SPEC 18]",
    "services.supervisor.Supervisor._tasks": "[parts of the program]",
    "services.uplink.FleetSession._receipts": "services.uplink:RECEIPTS_MAX",
}


def growing() -> Iterator[str]:
    """Attributes of the box's classes that begin as an empty container."""
    for path in DEVICE.rglob("*.py"):
        module = ".".join(path.relative_to(DEVICE).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                yield from (f"{module}.{node.name}.{name}" for name in _attributes(node))


def _attributes(node: ast.ClassDef) -> set[str]:
    found = set()
    for made in ast.walk(node):
        if isinstance(made, ast.Assign | ast.AnnAssign) and made.value is not None and _is_empty(made.value):
            for target in made.targets if isinstance(made, ast.Assign) else [made.target]:
                if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                    found |= {target.attr} if target.value.id == "self" else set()
                elif isinstance(target, ast.Name) and made in node.body:
                    found.add(target.id)
    return found


def _is_empty(value: ast.expr) -> bool:
    if isinstance(value, ast.List | ast.Set):
        return not value.elts
    if isinstance(value, ast.Dict):
        return not value.keys
    if not isinstance(value, ast.Call):
        return False
    function = value.func.value if isinstance(value.func, ast.Subscript) else value.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name == "field":
        return any(
            given.arg == "default_factory" and getattr(given.value, "id", "") in GROWING for given in value.keywords
        )
    return name in GROWING


def limit_of(bound: str) -> int:
    product = 1
    for part in bound.split():
        module, _, name = part.rpartition(":")
        product *= int(getattr(import_module(f"device.{module}"), name)) if module else int(part)
    return product


def test_everything_that_can_grow_has_its_limit_named() -> None:
    found = set(growing())
    assert found - set(BOUNDS) == set(), "name the limit of each, or why nobody outside can fill it"
    assert set(BOUNDS) - found == set(), "gone: take it off the list"


@pytest.mark.parametrize("attribute", [name for name, bound in BOUNDS.items() if not bound.startswith("[")])
def test_a_limit_is_a_number_that_a_box_can_hold(attribute: str) -> None:
    assert 1 <= limit_of(BOUNDS[attribute]) <= 2_000_000


def flood(rig: Rig) -> None:
    """Ever new everything, from whoever can send it."""
    for number in range(600):
        rig.give(on.OrderReceived(request="", raw=order_envelope("stop", number=number)))
        rig.give(on.NoticeReceived(request="", raw=notice_envelope(number=number)))
        rig.give(on.OrderReceived(request="", raw=b"%d" % number))
        rig.give(on.AckReceived(raw=b"%d" % number))
        rig.give(on.RolloutReceived(raw=b"%d" % number))
    for number in range(5_000):
        rig.play(f"K{number}", "000482")
        rig.give(on.PlayEnded(request="e", play=f"1-{number}", played_s=1, reason="end"))
    rig.give(on.Observed(faults=tuple(f"F_{n}" for n in range(500)), refused={f"R_{n}": 1 for n in range(500)}))
    rig.journal_works = False
    for number in range(5_000):
        rig.give(on.SealChanged(is_open=number % 2 == 0, was_opened=True, at_boot=False))


def test_a_flood_of_everything_leaves_each_part_of_the_core_within_its_limit() -> None:
    rig = Rig()
    flood(rig)
    sizes = dict(_sizes(rig.box._memory))
    for name, size in sizes.items():
        assert size <= limit_of(BOUNDS[name]), name
    assert sizes["core.notices.Notices._held"] > 10, "it was a flood"
    assert sizes["core.journal.JournalEnd._waiting"] > 100, "without rest, and for long"
    assert sizes["core.refusals.Refusals.last"] == limit_of(BOUNDS["core.refusals.Refusals.last"])


def _sizes(memory: Any) -> Iterator[tuple[str, int]]:
    for part in (memory, *vars(memory).values()):
        kind = type(part)
        for name, value in vars(part).items() if hasattr(part, "__dict__") else ():
            attribute = f"{kind.__module__.removeprefix('device.')}.{kind.__name__}.{name}"
            if attribute in BOUNDS and isinstance(value, Sized):
                yield attribute, len(value)


def test_the_walk_sees_an_attribute_without_a_limit() -> None:
    """What the first test would say of a class like this."""
    made = ast.parse("class A:\n def __init__(self):\n  self.seen = {}\n  self.queue: object = asyncio.Queue()\n")
    (node,) = made.body
    assert isinstance(node, ast.ClassDef)
    assert _attributes(node) == {"seen", "queue"}
    assert {Holds.__name__, Refusals.__name__} <= {name.split(".")[2] for name in BOUNDS}
