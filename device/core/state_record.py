"""The state record: what must outlive a loss of power, whole or not at all (decisions 3, style 2.8).

1. Canonical JSON: the same state always gives the same bytes. That a record is whole and of this box is the store's
   to prove (`ports.StateStore`), with a key that the core does not know.
2. It says where the journal stood when it was saved, so that a journal that was put back is seen; and the
   reading of the hardware counter, so that a record that was put back is seen (`damage.py`).
3. A record of another version is not guessed at: it counts as damaged.
4. What was accepted once is put back whole, also where a newer version accepts less (`holds.py` rule 5).
5. What is not here begins anew at every start: sessions, running plays, allowances, grace.
"""

import json

from device.core.claim import Claim
from device.core.clock import TimeRecord
from device.core.facts import Fact
from device.core.holds import Ending, Hold
from device.core.journal import Position
from device.core.ladder import HeldLease
from device.core.notices import HeldNotice
from device.core.orders import KnownOrder
from device.core.plays import Rule
from device.core.update import Update
from device.protocol.codec import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from device.core.events import Now
    from device.core.memory import Memory

VERSION = 1


class StateDamagedError(Exception):
    """These bytes are not a state record of this version."""


class Saved(Fact):
    """What a record says beside what goes straight back into memory."""

    counter: int
    time: "TimeRecord | None"
    used: "dict[str, int]"
    journal: Position
    FIELDS = ("counter", "time", "used", "journal")


def encode_state(memory: "Memory", now: "Now") -> bytes:
    """The record of what the box knows now."""
    value = {
        "v": VERSION,
        "box": memory.box,
        "boot": memory.journal.boot,
        "counter": memory.counter,
        "restricted": memory.damage.is_restricted,
        "healed_at_ms": memory.damage.healed_at_ms,
        "claim": _plain(memory.claim),
        "holds": [_plain(hold) for hold in memory.holds.all_holds()],
        "in_doubt": memory.holds.in_doubt(),
        "endings": [_plain(ending) for ending in memory.holds.all_endings()],
        "orders": [_plain(known) for known in memory.orders.all()],
        "lease": _plain(memory.lease.held),
        "used": memory.lease.usage.record(now.mono_ms),
        "time": _plain(memory.clock.record(now)),
        "journal": _plain_position(memory.journal.position),
        "acked": _plain_position(memory.journal.acked),
        "policy_epoch": memory.content.policy_epoch,
        "catalog_epoch": memory.content.catalog_epoch,
        "rules": [_plain(rule) for rule in memory.content.rules],
        "notices": [_plain(held) for held in memory.notices.all()],
        "update": _plain(memory.update),
        "security_epoch": memory.epoch.floor,
        "bars_other": memory.epoch.bars_other,
        "seal": {
            "is_open": memory.seal.is_open,
            "was_opened": memory.seal.was_opened,
            "opening": memory.seal.opening,
        },
        "reopening": memory.reopening,
    }
    return dumps(value)


def restore_state(memory: "Memory", raw: bytes) -> Saved:
    """Put a record back into a new memory.

    Raises StateDamagedError; then the memory may hold a part of it and must not be used.
    """
    try:
        value = json.loads(raw)
        if value["v"] != VERSION or value["box"] != memory.box:
            raise StateDamagedError(f"version {value['v']} of {value['box']}")
        return _restore(memory, value)
    # RuntimeError: nested too deep to be read.
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise StateDamagedError(f"not the shape of version {VERSION}: {error}")


def _restore(memory: "Memory", value: "dict[str, Any]") -> Saved:
    memory.journal.boot = value["boot"]
    if value["restricted"]:
        memory.damage.found()
    memory.damage.healed_at_ms = value["healed_at_ms"]
    memory.claim = _optional(Claim, value["claim"])
    for hold in value["holds"]:
        memory.holds.restore(Hold(**hold))
    memory.holds.doubt(value["in_doubt"])
    for ending in value["endings"]:
        memory.holds.remember(Ending(**ending))
    for known in value["orders"]:
        memory.orders.add(KnownOrder(**known))
    memory.lease.held = _optional(HeldLease, value["lease"])
    memory.journal.acked = _position(value["acked"])
    memory.content.policy_epoch = value["policy_epoch"]
    memory.content.catalog_epoch = value["catalog_epoch"]
    for rule in value["rules"]:
        memory.content.set_rule(Rule(**rule))
    for held in value["notices"]:
        memory.notices.add(HeldNotice(**held))
    memory.update = Update(**value["update"])
    memory.epoch.floor = value["security_epoch"]
    memory.epoch.bars_other = value["bars_other"]
    memory.seal.is_open = value["seal"]["is_open"]
    memory.seal.was_opened = value["seal"]["was_opened"]
    memory.seal.opening = value["seal"]["opening"]
    memory.reopening = list(value["reopening"])
    journal = _position(value["journal"])
    if journal is None:
        raise ValueError("no place in the journal")
    time = _optional(TimeRecord, value["time"])
    return Saved(counter=value["counter"], time=time, used=value["used"], journal=journal)


def _plain(fact: Fact | None) -> "dict[str, Any] | None":
    return None if fact is None else {name: getattr(fact, name) for name in fact.FIELDS}


def _optional(kind: "Any", value: "dict[str, Any] | None") -> "Any":
    return None if value is None else kind(**value)


def _plain_position(position: Position | None) -> "dict[str, Any] | None":
    if position is None:
        return None
    return {"epoch": position.epoch, "size": position.size, "head": position.head.hex()}


def _position(value: "dict[str, Any] | None") -> Position | None:
    if value is None:
        return None
    return Position(epoch=value["epoch"], size=value["size"], head=bytes.fromhex(value["head"]))
