"""What passes between the mailroom and the domains that read messages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from device.protocol.keys import Key
from fleet_server.live import Event


@dataclass(frozen=True, slots=True)
class Sender:
    """The active box behind a topic: its key, and where it stands. `venue`, `region` are empty while unclaimed."""

    box: str
    key: Key
    venue: str
    region: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is to be sent after the commit."""

    topic: str
    payload: bytes


# What happens after the commit: messages to boxes, news for whoever watches.
Outcome = Outgoing | Event
# Puts a message that was read into the database, at that instant (ms).
Filing = Callable[[Connection, int], Sequence[Outcome]]
# Decodes and verifies one message; raises ProtocolError.
Reader = Callable[[Sender, bytes], Filing]
