"""mailroom: what boxes send, sorted by kind and filed in one transaction; what cannot be taken is a dead letter."""

from fleet_server.mailroom.filing import Filing, Outcome, Outgoing, Reader, Sender
from fleet_server.mailroom.mailroom import Mailroom

__all__ = ["Filing", "Mailroom", "Outcome", "Outgoing", "Reader", "Sender"]
