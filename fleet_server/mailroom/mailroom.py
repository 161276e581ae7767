"""Sorting what boxes send: every message is filed by its reader, or set aside with the reason.

Rules (security.md 5, MQTT uplink):

1. A message is read (decoded, signatures verified) outside the transaction, filed inside it. All messages of one
   delivery share one transaction, each within a savepoint of its own: one that fails leaves no trace of itself and
   costs the others nothing.
2. What cannot be accepted becomes a dead letter with its code, and is done with. What fails for a reason of ours comes
   again, ATTEMPTS_MAX times, and then becomes a dead letter too: no message holds up those behind it.
3. If the database itself cannot take anything, nothing is set aside: everything stays in the broker.
4. What a filing wants sent is sent after the commit, never before.
"""

import logging
from collections.abc import Callable, Mapping

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from device.protocol.errors import ProtocolError
from fleet_server.broker import NotDeliveredError, UplinkMessage
from fleet_server.clock import Clock
from fleet_server.database import Database
from fleet_server.mailroom import dead_letters
from fleet_server.mailroom.filing import Filing, Outcome, Reader, Sender

ATTEMPTS_MAX = 3

FindSender = Callable[[Connection, str], Sender | None]

_log = logging.getLogger(__name__)


class Mailroom:
    """The readers by kind of message, and the transaction around them."""

    def __init__(
        self, database: Database, clock: Clock, find_sender: FindSender, readers: Mapping[str, Reader]
    ) -> None:
        self._database = database
        self._clock = clock
        self._find_sender = find_sender
        self._readers = readers

    def take(self, messages: list[UplinkMessage]) -> tuple[list[Outcome], frozenset[int]]:
        """File a delivery; returns what is to happen now, and the positions of messages that must come again.

        Blocks on disk: call it in a thread. Raises NotDeliveredError (rule 3).
        """
        try:
            return self._take(messages)
        except OperationalError as error:
            _log.error("uplink: the database takes nothing: %s", error.orig)
            raise NotDeliveredError(str(error.orig)) from error

    def _take(self, messages: list[UplinkMessage]) -> tuple[list[Outcome], frozenset[int]]:
        with self._database.reading() as connection:
            senders = {box: self._find_sender(connection, box) for box in {message.box for message in messages}}
        filings = [self._read(message, senders[message.box]) for message in messages]
        outcomes: list[Outcome] = []
        again: set[int] = set()
        with self._database.writing() as connection:
            now_ms = self._clock.now_ms()
            for position, (message, filing) in enumerate(zip(messages, filings, strict=True)):
                if not self._file(connection, message, filing, now_ms, outcomes):
                    again.add(position)
        return outcomes, frozenset(again)

    def _read(self, message: UplinkMessage, sender: Sender | None) -> Filing:
        if sender is None:
            return _set_aside(message, ProtocolError("BOX_REVOKED", "no active box of this name"))
        if message.kind not in self._readers:
            return _set_aside(message, ProtocolError("DOCUMENT_MALFORMED", "topic of no known kind"))
        try:
            return self._readers[message.kind](sender, message.payload)
        except ProtocolError as error:
            return _set_aside(message, error)

    def _file(
        self, connection: Connection, message: UplinkMessage, filing: Filing, now_ms: int, outcomes: list[Outcome]
    ) -> bool:
        try:
            with connection.begin_nested():
                sent = filing(connection, now_ms)
        except ProtocolError as error:
            sent = _set_aside(message, error)(connection, now_ms)
        except OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 - a defect must not stop the messages behind this one (rule 2)
            _log.exception("uplink: %s of %s, attempt %d", message.kind, message.box, message.attempts)
            if message.attempts < ATTEMPTS_MAX:
                return False
            sent = _set_aside(message, ProtocolError("INTERNAL", repr(error)))(connection, now_ms)
        outcomes += sent
        return True


def _set_aside(message: UplinkMessage, error: ProtocolError) -> Filing:
    def filing(connection: Connection, now_ms: int) -> list[Outcome]:
        _log.warning("uplink: %s of %s set aside: %s", message.kind[:20], message.box, error)
        dead_letters.keep(connection, message.box, message.kind, message.payload, error, now_ms)
        return []

    return filing
