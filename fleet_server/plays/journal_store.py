"""The journals as received: positions, exact texts, chain values, checkpoints with the acks that answered them."""

import json

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or_ignore

from device.protocol.uplink import Batch
from fleet_server.plays.model import checkpoints, entries, journals
from fleet_server.plays.verification import Growth, KnownJournal, Position


def position(connection: Connection, box: str, epoch: int) -> Position | None:
    found = connection.execute(
        select(journals.c.size, journals.c.head).where(journals.c.box == box, journals.c.epoch == epoch)
    ).one_or_none()
    return Position(found.size, found.head) if found else None


def last_epoch(connection: Connection, box: str) -> int:
    """The newest epoch; 0 if the box has sent nothing yet."""
    return connection.scalar(select(func.max(journals.c.epoch)).where(journals.c.box == box)) or 0


def head_at(connection: Connection, box: str, epoch: int, size: int) -> bytes | None:
    """The chain value that we have for this size; None if we do not know it."""
    if size == 0:
        of_epoch = select(journals.c.start).where(journals.c.box == box, journals.c.epoch == epoch)
        return connection.scalar(of_epoch)
    of_epoch = select(entries.c.chain).where(entries.c.box == box, entries.c.epoch == epoch)
    return connection.scalar(of_epoch.where(entries.c.seq == size - 1))


def known(connection: Connection, batch: Batch) -> KnownJournal | None:
    """What the batch is held against; None if nothing of its epoch is known."""
    of_box = select(journals).where(journals.c.box == batch.box)
    journal = connection.execute(of_box.where(journals.c.epoch == batch.epoch)).one_or_none()
    if journal is None:
        return None
    of_epoch = (entries.c.box == batch.box, entries.c.epoch == batch.epoch)
    before = connection.scalar(select(func.max(entries.c.seq)).where(*of_epoch, entries.c.seq < batch.first))
    first = batch.first - 1 if before is None else before  # further back where the batch begins behind a hole
    rows = connection.execute(
        select(entries.c.seq, entries.c.chain).where(*of_epoch, entries.c.seq.between(first, batch.size))
    )
    chains = {-1: journal.start} | {row.seq: row.chain for row in rows}
    position = Position(journal.size, journal.head)
    if last_epoch(connection, batch.box) == batch.epoch:
        return KnownJournal(position, chains)
    count = connection.scalar(select(func.count()).where(*of_epoch)) or 0
    end = _begins_behind(connection, batch.box, batch.epoch + 1)
    return KnownJournal(position, chains, is_last_epoch=False, end=end, has_holes=count < journal.size)


def _begins_behind(connection: Connection, box: str, epoch: int) -> Position | None:
    """What the entry `EPOCH` of this epoch names; None where we do not have it."""
    of_epoch = (entries.c.box == box, entries.c.epoch == epoch, entries.c.seq == 0)
    text = connection.scalar(select(entries.c.text).where(*of_epoch))
    if text is None:
        return None
    place = json.loads(text)["body"]
    return Position(place["size"], bytes.fromhex(place["head"]))


def begin(connection: Connection, batch: Batch, start: bytes, now_ms: int) -> None:
    connection.execute(
        insert(journals).values(
            box=batch.box, epoch=batch.epoch, start=start, size=0, head=start, received_at_ms=now_ms
        )
    )


def append(connection: Connection, batch: Batch, growth: Growth, now_ms: int) -> None:
    """Add the new entries and move the head."""
    rows = [
        {"box": batch.box, "epoch": batch.epoch, "seq": entry.seq, "kind": entry.kind, "text": text, "chain": chain}
        for entry, text, chain in zip(growth.entries, growth.texts, growth.chains, strict=True)
    ]
    connection.execute(insert(entries), rows)
    connection.execute(
        update(journals)
        .where(journals.c.box == batch.box, journals.c.epoch == batch.epoch)
        .values(size=growth.position.size, head=growth.position.head, received_at_ms=now_ms)
    )


def keep_checkpoint(connection: Connection, batch: Batch, ack: bytes, now_ms: int) -> None:
    row = {
        "box": batch.box,
        "epoch": batch.epoch,
        "size": batch.size,
        "envelope": batch.checkpoint.encode(),
        "ack": ack,
        "received_at_ms": now_ms,
    }
    connection.execute(insert_or_ignore(checkpoints).values(row).on_conflict_do_nothing())
