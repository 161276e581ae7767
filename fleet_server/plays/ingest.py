"""From a batch to the ledger and the signed ack (SPEC 10.2, 10.3).

Verified (`verification.py`), then in the mailroom's transaction: journal, entries, plays, meters, checkpoint, ack. What
is answered is sent after the commit. A batch that came before changes nothing and is acknowledged again.
"""

from collections.abc import Callable

from sqlalchemy import Connection

from device.crypto.p256 import SigningKey, verify
from device.protocol import topics
from device.protocol.envelope import seal
from device.protocol.errors import ProtocolError
from device.protocol.journal import DAMAGED, Entry, first_chain
from device.protocol.uplink import Ack, Batch
from fleet_server.live import Event
from fleet_server.mailroom import Filing, Outcome, Outgoing, Sender, dead_letters
from fleet_server.plays import journal_store, ledger
from fleet_server.plays.incidents import close_gaps, open_incident
from fleet_server.plays.verification import (
    ForkError,
    Growth,
    Position,
    ReadBatch,
    continue_journal,
    open_epoch,
    read_batch,
)

# Other domains look at new entries in the same transaction (a notice was shown, an update advanced).
Observer = Callable[[Connection, Sender, tuple[Entry, ...], int], None]

FUTURE_MS = 600_000  # a box has its time from our leases; what is later than this is a clock that was tampered with

_INCIDENTS = frozenset({"BATCH_FORK", "BATCH_GAP", "BATCH_CHAIN", "BATCH_EPOCH", "BATCH_IDENTITY"})
_UNKNOWING = frozenset({"BATCH_GAP", "BATCH_CHAIN"})


class Ingest:
    """The reader of journal batches."""

    def __init__(self, ack_key: SigningKey, observers: tuple[Observer, ...] = ()) -> None:
        self._ack_key = ack_key
        self._observers = observers

    def read(self, sender: Sender, payload: bytes) -> Filing:
        """Verify what needs no database; the filing does the rest."""
        try:
            batch = read_batch(payload, sender.box, sender.key, verify)
        except ProtocolError as error:
            fault = error  # the name of an except clause ends with the clause
            return lambda connection, now_ms: self._refuse(connection, sender, payload, fault, now_ms)
        return lambda connection, now_ms: self._file(connection, sender, payload, batch, now_ms)

    def _file(
        self, connection: Connection, sender: Sender, payload: bytes, read: ReadBatch, now_ms: int
    ) -> list[Outcome]:
        batch = read.batch
        try:
            known = journal_store.known(connection, batch)
            if known is None:
                known, behind = open_epoch(read, journal_store.last_epoch(connection, sender.box))
                growth = continue_journal(read, known)
                if behind is not None:
                    self._note_epoch(connection, sender, payload, batch, behind, now_ms)
                journal_store.begin(connection, batch, known.position.head, now_ms)
            else:
                growth = continue_journal(read, known)
        except ProtocolError as error:
            return self._refuse(connection, sender, payload, error, now_ms, batch.epoch, read.checkpoint.ended)
        # A known batch is answered with what it asked for: the head at its own end, so that the box recognises it.
        head = read.checkpoint.head
        ack = self._answer(sender.box, batch.epoch, "ack", batch.size, head, "", now_ms)
        answer = Outgoing(topics.down(sender.box, "ack"), ack)
        if not growth.entries:
            return [answer]
        self._append(connection, sender, read, growth, ack, now_ms)
        if growth.missing:
            self._note_gap(connection, sender, payload, batch, growth.missing, now_ms)
        return [answer, Event("play", sender.region or "000000", sender.venue)]

    def _append(
        self, connection: Connection, sender: Sender, read: ReadBatch, growth: Growth, ack: bytes, now_ms: int
    ) -> None:
        batch = read.batch
        journal_store.append(connection, batch, growth, now_ms)
        journal_store.keep_checkpoint(connection, batch, ack, now_ms)
        ledger.add(connection, sender, growth.entries)
        close_gaps(connection, sender.box, batch.epoch, growth.position.size, now_ms)
        self._note_future(connection, sender, read, now_ms)
        for observe in self._observers:
            observe(connection, sender, growth.entries, now_ms)

    def _note_epoch(
        self, connection: Connection, sender: Sender, payload: bytes, batch: Batch, behind: Position, now_ms: int
    ) -> None:
        """A box begins a new epoch only if its journal was lost, changed or damaged: somebody is to ask why."""
        before = batch.epoch - 1
        ours = journal_store.position(connection, sender.box, before)
        size = ours.size if ours else 0
        if behind.size > size:
            found = f"{behind.size - size} of them never came here"
        elif journal_store.head_at(connection, sender.box, before, behind.size) != behind.head:
            found = "what came here differs"
        else:
            found = f"all of them are here, and {size - behind.size} more"
        opening = Entry.decode(batch.entries[0]).body
        is_damaged = opening["reason"] == DAMAGED
        code, epoch, seq = (
            ("JOURNAL_DAMAGED", before, opening["at"]) if is_damaged else ("JOURNAL_LOST", batch.epoch, 0)
        )
        open_incident(
            connection,
            sender,
            code=code,
            epoch=epoch,
            seq=seq,
            detail=f"epoch {batch.epoch} begins behind {behind.size} entries of epoch {before}: {found}",
            evidence=payload,
            now_ms=now_ms,
        )

    def _note_gap(
        self, connection: Connection, sender: Sender, payload: bytes, batch: Batch, missing: int, now_ms: int
    ) -> None:
        """What the box cannot read is missing here for good, and plays may be among it."""
        seq = batch.first - missing
        open_incident(
            connection,
            sender,
            code="JOURNAL_DAMAGED",
            epoch=batch.epoch,
            seq=seq,
            detail=f"entries {seq} to {batch.first - 1} of epoch {batch.epoch} cannot be read on the box",
            evidence=payload,
            now_ms=now_ms,
        )

    def _note_future(self, connection: Connection, sender: Sender, read: ReadBatch, now_ms: int) -> None:
        """Plays are evidence and are kept whatever time they bear; that the time cannot be is an incident."""
        late = [entry for entry in read.entries if entry.at_ms is not None and entry.at_ms > now_ms + FUTURE_MS]
        if late:
            open_incident(
                connection,
                sender,
                code="TIME_FUTURE",
                epoch=read.batch.epoch,
                seq=0,  # one for the epoch, counted
                detail=f"entry {late[0].seq} is {(late[0].at_ms or 0) - now_ms} ms ahead",
                evidence=read.batch.checkpoint.encode(),
                now_ms=now_ms,
            )

    def _refuse(
        self,
        connection: Connection,
        sender: Sender,
        payload: bytes,
        error: ProtocolError,
        now_ms: int,
        epoch: int = 0,
        has_ended: bool = False,
    ) -> list[Outcome]:
        """An incident where somebody can be blamed, else a dead letter; and a nack that says from where to go on.

        In an ended epoch it is no fault not to know what we have (SPEC 9.13): the box begins again from there.
        """
        last_epoch = journal_store.last_epoch(connection, sender.box)
        if not epoch or (error.code == "BATCH_EPOCH" and not has_ended):
            epoch = last_epoch or 1  # so that a box that was put back learns how far it has been
        known = journal_store.position(connection, sender.box, epoch)
        size, head = (known.size, known.head) if known else (0, first_chain(sender.box, epoch))
        if error.code in _INCIDENTS and not (has_ended and error.code in _UNKNOWING):
            open_incident(
                connection,
                sender,
                code=error.code,
                epoch=epoch,
                seq=error.seq if isinstance(error, ForkError) else size,
                claim=error.text if isinstance(error, ForkError) else b"",
                detail=error.detail,
                evidence=payload,
                now_ms=now_ms,
            )
        else:
            dead_letters.keep(connection, sender.box, "journal", payload, error, now_ms)
        nack = self._answer(sender.box, epoch, "nack", size, head.hex(), error.code, now_ms)
        return [Outgoing(topics.down(sender.box, "ack"), nack)]

    def _answer(self, box: str, epoch: int, result: str, size: int, head: str, code: str, now_ms: int) -> bytes:
        answer = Ack(box=box, epoch=epoch, result=result, size=size, head=head, code=code, at_ms=now_ms)
        return seal("ack", answer.encode(), [self._ack_key]).encode()
