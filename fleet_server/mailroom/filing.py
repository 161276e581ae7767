"""What passes between the mailroom and the domains that read messages."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from device.protocol.keys import Key


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


# Puts a message that was read into the database, at that instant (ms), and says what is to be sent after the commit.
Filing = Callable[[Connection, int], list[Outgoing]]
# Decodes and verifies one message; raises ProtocolError.
Reader = Callable[[Sender, bytes], Filing]
