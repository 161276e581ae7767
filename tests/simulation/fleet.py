"""The fleet server as a box sees it: verifies batches as the real one, answers leases, repeats orders.

The verification is `fleet_server.plays.verification`; database, console and mailroom are left out. What it knows is
what the checkers hold the box to.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from device.protocol.envelope import parse_envelope, require_signature, seal
from device.protocol.errors import ProtocolError
from device.protocol.journal import Entry, first_chain
from device.protocol.keys import Key
from device.protocol.lease import Lease
from device.protocol.receipts import Receipt
from device.protocol.uplink import Ack, Report
from fleet_server.orders.deliveries import RETRY_REJECTED_AFTER_MS
from fleet_server.plays.verification import (
    KnownJournal,
    Position,
    ReadBatch,
    continue_journal,
    open_epoch,
    read_batch,
)
from tests import builders

if TYPE_CHECKING:
    from device.protocol.envelope import Signer
    from device.protocol.keys import Verify
    from device.protocol.orders import Order

INCIDENTS = frozenset({"BATCH_FORK", "BATCH_GAP", "BATCH_CHAIN", "BATCH_EPOCH", "BATCH_IDENTITY"})
BEGINNINGS_MAX = 256
AGAIN_MS = 30_000  # an order is not repeated more often


@dataclass
class Epoch:
    """What the server has of one epoch of a journal."""

    position: Position
    chains: dict[int, bytes]  # by sequence number, from -1; holes are what a box cannot read
    entries: list[Entry] = field(default_factory=list)


@dataclass
class Record:
    """Everything about one box."""

    key: Key
    epochs: dict[int, Epoch] = field(default_factory=dict)
    incidents: list[tuple[int, str]] = field(default_factory=list)  # true time, code
    leases: int = 0
    last_lease: Lease | None = None
    report: Report | None = None
    reported_at_ms: int = 0
    taken: set[str] = field(default_factory=set)  # orders that the box has confirmed once
    left: dict[str, set[str]] = field(default_factory=dict)  # by such an order: what it named and has not ended
    rest_until_ms: dict[str, int] = field(default_factory=dict)  # an order is not sent before
    acked: int = 0  # entries that an ack has left for


@dataclass(frozen=True)
class Issued:
    """An order that officers have signed."""

    number: str
    kind: str
    raw: bytes
    expires_at_ms: int
    ends: tuple[str, ...]


class Fleet:
    """Answers by `send(box, kind, payload)`; its clock is true."""

    def __init__(
        self,
        verify: "Verify",
        now_ms: Callable[[], int],
        send: Callable[[str, str, bytes], None],
        epochs: Callable[[], tuple[int, int]],
    ) -> None:
        self.records: dict[str, Record] = {}
        self.orders: list[Issued] = []
        self.lease_signer: Signer = builders.LEASE_KEY
        self.ack_signer: Signer = builders.ACK_KEY
        self.gives_leases = True
        self.gives_acks = True
        self.expected: Callable[[], frozenset[str]] = frozenset  # orders whose hold a report should show
        self.lent: Callable[[Lease], None] = _nobody  # told of every lease that is given
        self._verify = verify
        self._now_ms = now_ms
        self._send = send
        self._epochs = epochs

    def enroll(self, box: str, key: Key) -> None:
        self.records[box] = Record(key)

    def arrived(self, box: str, kind: str, payload: bytes) -> None:
        """A message of a box."""
        record = self.records[box]
        if kind == "journal":
            self._take_batch(box, record, payload)
            return
        envelope = parse_envelope(payload, kind)
        require_signature(envelope, [record.key], self._verify)
        if kind == "report":
            self._take_report(box, record, Report.decode(envelope.payload))
        else:
            receipt = Receipt.decode(envelope.payload)
            if receipt.result == "rejected":
                record.rest_until_ms[receipt.id] = self._now_ms() + RETRY_REJECTED_AFTER_MS
            else:
                record.taken.add(receipt.id)
                left = left_by(self._ending(receipt.id), receipt)
                record.left[receipt.id] = record.left.get(receipt.id, left) & left

    def issue(self, order: Issued) -> None:
        """Officers have signed: to every box at once, and again until it is seen there."""
        self.orders.append(order)
        for box in self.records:
            self._send(box, "order", order.raw)

    def entries_of(self, box: str) -> list[Entry]:
        """All that was received, oldest first."""
        epochs = self.records[box].epochs
        return [entry for number in sorted(epochs) for entry in epochs[number].entries]

    def _take_batch(self, box: str, record: Record, payload: bytes) -> None:
        read: ReadBatch | None = None
        try:
            read = read_batch(payload, box, record.key, self._verify)
            number = read.batch.epoch
            last = max(record.epochs, default=0)
            epoch = record.epochs.get(number)
            if epoch is None:
                known, behind = open_epoch(read, last)
                continue_journal(read, known)
                epoch = record.epochs[number] = Epoch(known.position, dict(known.chains))
                if behind is not None:
                    record.incidents.append((self._now_ms(), "JOURNAL_LOST"))
            grown = continue_journal(read, self._known(record, number))
        except ProtocolError as error:
            ended = read.batch.epoch if read is not None and read.checkpoint.ended else 0
            self._refuse(box, record, error.code, ended)
            return
        if grown.missing:
            record.incidents.append((self._now_ms(), "JOURNAL_DAMAGED"))
        epoch.entries += grown.entries
        epoch.chains.update({entry.seq: chain for entry, chain in zip(grown.entries, grown.chains, strict=True)})
        epoch.position = grown.position
        self._answer(box, record, number, "ack", read.batch.size, read.checkpoint.head, "")

    def _known(self, record: Record, number: int) -> KnownJournal:
        epoch, after = record.epochs[number], record.epochs.get(number + 1)
        end = None
        if after is not None and 0 in after.chains:
            place = after.entries[0].body
            end = Position(place["size"], bytes.fromhex(place["head"]))
        has_holes = len(epoch.chains) <= epoch.position.size
        return KnownJournal(epoch.position, epoch.chains, number == max(record.epochs), end, has_holes)

    def _refuse(self, box: str, record: Record, code: str, ended: int = 0) -> None:
        """ended: the epoch of the batch, if it has ended."""
        if code in INCIDENTS and not (ended and code in ("BATCH_GAP", "BATCH_CHAIN")):
            record.incidents.append((self._now_ms(), code))
        number = ended or max(record.epochs, default=1)
        known = record.epochs.get(number)
        at = known.position if known else Position(0, first_chain(box, number))
        self._answer(box, record, number, "nack", at.size, at.head.hex(), code)

    def _answer(self, box: str, record: Record, epoch: int, result: str, size: int, head: str, code: str) -> None:
        if not self.gives_acks:
            return
        ack = Ack(box=box, epoch=epoch, result=result, size=size, head=head, code=code, at_ms=self._now_ms())
        self._send(box, "ack", seal("ack", ack.encode(), [self.ack_signer]).encode())

    def _take_report(self, box: str, record: Record, report: Report) -> None:
        record.report, record.reported_at_ms = report, self._now_ms()
        record.taken.update(report.holds)
        expected, shown = self.expected(), set(report.holds)
        lost = expected - shown
        lacks = any(order.number in lost for order in self.orders)
        is_lent = self.gives_leases and not (report.state == "failed" and lacks)
        if report.nonce and is_lent and report.venue in ("", builders.VENUE):
            self.lend(box, record, report)
        for order in self.orders:
            rests = self._now_ms() < record.rest_until_ms.get(order.number, 0)
            if rests or not self._is_wanted(record, report, order, lost):
                continue
            record.rest_until_ms[order.number] = self._now_ms() + AGAIN_MS
            self._send(box, "order", order.raw)

    def _is_wanted(self, record: Record, report: Report, order: Issued, lost: frozenset[str]) -> bool:
        """As rule 4 of `fleet_server.orders.deliveries` has it."""
        is_in_time = order.expires_at_ms > self._now_ms()
        is_new = is_in_time and order.number not in record.taken
        is_lost = order.number in lost and (is_in_time or report.state == "failed")
        return is_new or is_lost or not set(report.holds).isdisjoint(order.ends)

    def _ending(self, number: str) -> Issued | None:
        return next((order for order in self.orders if order.number == number), None)

    def lend(self, box: str, record: Record, report: Report, **changes: Any) -> None:
        """A lease for the nonce of this report."""
        now_ms = self._now_ms()
        record.leases = max(record.leases, report.lease) + 1
        policy_epoch, catalog_epoch = self._epochs()
        fields: dict[str, Any] = {
            "box": box,
            "lease": record.leases,
            "nonce": report.nonce,
            "issued_at_ms": now_ms,
            "policy_epoch": policy_epoch,
            "catalog_epoch": catalog_epoch,
        }
        lease = builders.lease(**(fields | changes))
        record.last_lease = lease
        self.lent(lease)
        self._send(box, "lease", seal("lease", lease.encode(), [self.lease_signer]).encode())


def left_by(ending: "Issued | Order | None", receipt: Receipt) -> set[str]:
    """What a resume or lift named, and left: late it ends only what is in doubt, and its receipt names the rest."""
    if ending is None or receipt.at_ms is None or receipt.at_ms <= ending.expires_at_ms:
        return set()
    return set(ending.ends) & set(receipt.holds)


def _nobody(_lease: Lease) -> None:
    """Nobody counts."""
