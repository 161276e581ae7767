"""Plays out of entries: PLAY_START joined with its PLAY_END, and the meter of each business day.

Rules (SPEC 9.1-9.4, domain C9):

1. A play is known by box and the position of its PLAY_START. Its business day is that of its start, whenever the entry
   arrives.
2. The box decides `counted`, by the policy in force at the start; the rule's version stands in the entry.
3. Where trusted time is missing the real-time clock's is kept, with `time_quality` none.
4. An end without its start (the epoch in which it began was lost) makes the play from what the end says.
5. A room plays one song at a time, and behind a BOOT runs nothing that began before it (SPEC 9.9). A play that runs by
   these books where a later entry of its box says otherwise has lost its end, with damaged entries or a journal that
   was put back. It ends with `lost` where that entry stands: it is not counted, and nobody knows how long it was. If
   its end comes after all, that stands instead.
"""

from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert as upsert

from device.protocol.journal import Entry
from fleet_server.mailroom import Sender
from fleet_server.plays.business_day import business_day
from fleet_server.plays.model import meters, plays

LOST = "lost"  # the one reason that no box gives

_Sums = dict[str, dict[str, int]]  # by day

_END = (
    update(plays)
    .where(plays.c.box == bindparam("of_box"), plays.c.epoch == bindparam("of_epoch"))
    .where(plays.c.seq == bindparam("of_seq"))
    .values(
        {name: bindparam(name) for name in ("ended_at_ms", "played_s", "reason", "counted", "end_epoch", "end_seq")}
    )
)


def add(connection: Connection, sender: Sender, entries: tuple[Entry, ...]) -> None:
    """Enter what the entries say about plays; each entry is given once."""
    sums: _Sums = {}
    starts = [_started(sender, entry) for entry in entries if entry.kind == "PLAY_START"]
    if starts:
        # A play that an end has made already (rule 4) keeps what that end said.
        connection.execute(upsert(plays).on_conflict_do_nothing(), starts)
    for row in starts:
        _count(sums, row["day"], started=1)
    _end_plays(connection, sender, [entry for entry in entries if entry.kind == "PLAY_END"], sums)
    _close_lost(connection, sender, entries, sums)
    for entry in entries:
        if entry.kind == "REFUSED":
            _count(sums, business_day(_at_ms(entry)), refused=1)
    for day, change in sums.items():
        _move_meter(connection, sender, day, change)


def _end_plays(connection: Connection, sender: Sender, ends: list[Entry], sums: _Sums) -> None:
    known = _known(connection, sender.box, [_play(entry) for entry in ends])
    updates: list[dict[str, Any]] = []
    for entry in ends:
        epoch, seq = _play(entry)
        row = known.get((epoch, seq))
        if row is None:
            made = _made_by_end(sender, entry, epoch, seq)
            connection.execute(insert(plays).values(made))
            known[epoch, seq] = (made["day"], str(made["reason"]))
            _count(sums, made["day"], started=1, ended=1, **_sums_of(entry))
        elif row[1] in (None, LOST):  # of two ends the first stands
            key = {"of_box": sender.box, "of_epoch": epoch, "of_seq": seq}
            updates.append(key | _ended(entry))
            known[epoch, seq] = (row[0], entry.body["reason"])
            _count(sums, row[0], ended=int(row[1] is None), **_sums_of(entry))
    if updates:
        connection.execute(_END, updates)


def _close_lost(connection: Connection, sender: Sender, entries: tuple[Entry, ...], sums: _Sums) -> None:
    """Rule 5."""
    over = [entry for entry in entries if entry.kind in ("BOOT", "PLAY_START")]
    if not over:
        return
    open_plays = select(plays).where(plays.c.box == sender.box, plays.c.ended_at_ms.is_(None))
    for play in connection.execute(open_plays).all():
        later = (entry for entry in over if (entry.epoch, entry.seq) > (play.epoch, play.seq))
        entry = next((entry for entry in later if entry.kind == "BOOT" or entry.body["room"] == play.room), None)
        if entry is not None:
            place = {"end_epoch": entry.epoch, "end_seq": entry.seq}
            closed = {"ended_at_ms": max(_at_ms(entry), play.started_at_ms), "reason": LOST} | place
            connection.execute(update(plays).where(plays.c.id == play.id).values(closed))
            _count(sums, play.day, ended=1)


def _known(
    connection: Connection, box: str, keys: list[tuple[int, int]]
) -> dict[tuple[int, int], tuple[str, str | None]]:
    """Day of each play, and for what reason it has ended."""
    if not keys:
        return {}
    query = select(plays.c.epoch, plays.c.seq, plays.c.day, plays.c.reason)
    found = connection.execute(query.where(plays.c.box == box, tuple_(plays.c.epoch, plays.c.seq).in_(keys)))
    return {(row.epoch, row.seq): (row.day, row.reason) for row in found}


def _started(sender: Sender, entry: Entry) -> dict[str, Any]:
    return _row(sender, entry, entry.epoch, entry.seq, _at_ms(entry))


def _made_by_end(sender: Sender, entry: Entry, epoch: int, seq: int) -> dict[str, Any]:
    """Rule 4."""
    started_at_ms = max(0, _at_ms(entry) - 1000 * int(entry.body["elapsed_s"]))
    return _row(sender, entry, epoch, seq, started_at_ms) | _ended(entry)


def _ended(entry: Entry) -> dict[str, Any]:
    body = entry.body
    return {
        "ended_at_ms": _at_ms(entry),
        "played_s": body["played_s"],
        "reason": body["reason"],
        "counted": body["counted"],
        "end_epoch": entry.epoch,
        "end_seq": entry.seq,
    }


def _sums_of(entry: Entry) -> dict[str, int]:
    return {"counted": int(entry.body["counted"]), "played_s": int(entry.body["played_s"])}


def _count(sums: _Sums, day: str, **change: int) -> None:
    of_day = sums.setdefault(day, {})
    for name, number in change.items():
        of_day[name] = of_day.get(name, 0) + number


def _row(sender: Sender, entry: Entry, epoch: int, seq: int, started_at_ms: int) -> dict[str, Any]:
    return {
        "box": sender.box,
        "epoch": epoch,
        "seq": seq,
        "venue": sender.venue,
        "region": sender.region or "000000",
        "day": business_day(started_at_ms),
        "room": entry.body["room"],
        "song": entry.body["song"],
        "kind": entry.body["kind"],
        "started_at_ms": started_at_ms,
        "time_quality": entry.tq if entry.at_ms is not None else "none",
        "counted": False,
    }


def _play(entry: Entry) -> tuple[int, int]:
    """SPEC 9.4. An id of another form belongs to no play; it is kept under the end's own position."""
    epoch, _, seq = str(entry.body["play"]).partition("-")
    if not (epoch.isascii() and epoch.isdigit() and seq.isascii() and seq.isdigit() and len(epoch + seq) < 19):
        return entry.epoch, entry.seq
    return int(epoch), int(seq)


def _at_ms(entry: Entry) -> int:
    return entry.rtc_ms if entry.at_ms is None else entry.at_ms


def _move_meter(connection: Connection, sender: Sender, day: str, change: dict[str, int]) -> None:
    names = ("started", "ended", "counted", "played_s", "refused")
    row = {name: change.get(name, 0) for name in names}
    key = {"venue": sender.venue, "day": day, "region": sender.region or "000000"}
    grown = {name: meters.c[name] + row[name] for name in names if row[name]}
    if grown:
        connection.execute(upsert(meters).values(key | row).on_conflict_do_update(set_=grown))
