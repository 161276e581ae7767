"""The MQTT session: a connect asks for everything that may be missing (SPEC 10.4, 10.5)."""

from device.core.effects import LookForTargets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import Connected, Disconnected
    from device.core.turn import Turn


def connected(turn: "Turn", _event: "Connected") -> None:
    """The report that follows carries a new nonce, and the fleet answers with what it misses."""
    memory = turn.memory
    memory.is_connected = True
    memory.reported = None
    memory.lease.renew_nonce()
    turn.do(LookForTargets())


def disconnected(turn: "Turn", _event: "Disconnected") -> None:
    turn.memory.is_connected = False
