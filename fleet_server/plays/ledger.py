"""Plays out of entries: PLAY_START joined with its PLAY_END, and the meter of each business day.

Rules (SPEC 9.1-9.4, domain C9):

1. A play is known by box and the position of its PLAY_START. Its business day is that of its start, whenever the entry
   arrives.
2. The box decides `counted`, by the policy in force at the start; the rule's version stands in the entry.
3. Where trusted time is missing the real-time clock's is kept, with `time_quality` none.
4. An end without its start (the epoch in which it began was lost) makes the play from what the end says.
"""

from sqlalchemy import Connection, insert, update
from sqlalchemy.dialects.sqlite import insert as upsert

from device.protocol.journal import Entry
from fleet_server.mailroom import Sender
from fleet_server.plays.business_day import business_day
from fleet_server.plays.model import meters, plays


def add(connection: Connection, sender: Sender, entries: tuple[Entry, ...]) -> None:
    """Enter what the entries say about plays; each entry is given once."""
    sums: dict[str, dict[str, int]] = {}
    for entry in entries:
        if entry.kind == "PLAY_START":
            day, change = _start(connection, sender, entry)
        elif entry.kind == "PLAY_END":
            day, change = _end(connection, sender, entry)
        elif entry.kind == "REFUSED":
            day, change = business_day(_at_ms(entry)), {"refused": 1}
        else:
            continue
        of_day = sums.setdefault(day, {})
        for name, number in change.items():
            of_day[name] = of_day.get(name, 0) + number
    for day, change in sums.items():
        _move_meter(connection, sender, day, change)


def _start(connection: Connection, sender: Sender, entry: Entry) -> tuple[str, dict[str, int]]:
    at_ms = _at_ms(entry)
    connection.execute(insert(plays).values(_row(sender, entry, entry.epoch, entry.seq, at_ms)))
    return business_day(at_ms), {"started": 1}


def _end(connection: Connection, sender: Sender, entry: Entry) -> tuple[str, dict[str, int]]:
    body = entry.body
    epoch, seq = _play(entry)
    ended = {
        "ended_at_ms": _at_ms(entry),
        "played_s": body["played_s"],
        "reason": body["reason"],
        "counted": body["counted"],
        "end_epoch": entry.epoch,
        "end_seq": entry.seq,
    }
    change = {"ended": 1, "counted": int(body["counted"]), "played_s": body["played_s"]}
    of_play = (plays.c.box == sender.box, plays.c.epoch == epoch, plays.c.seq == seq)
    day = connection.execute(
        update(plays).where(*of_play, plays.c.ended_at_ms.is_(None)).values(ended).returning(plays.c.day)
    ).scalar_one_or_none()
    if day is None:
        started_at_ms = _at_ms(entry) - 1000 * int(body["elapsed_s"])
        row = _row(sender, entry, epoch, seq, max(0, started_at_ms)) | ended
        made = connection.execute(
            upsert(plays).values(row).on_conflict_do_nothing().returning(plays.c.day)
        ).scalar_one_or_none()
        if made is None:  # ended before: the first end stands
            return business_day(started_at_ms), {}
        return str(made), change | {"started": 1}
    return str(day), change


def _row(sender: Sender, entry: Entry, epoch: int, seq: int, started_at_ms: int) -> dict[str, object]:
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
