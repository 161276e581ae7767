"""What is out of order in the box: told to the fleet while it lasts, and written down (SPEC 9.3, 10.4).

A fault of the network is no entry: it says nothing of the box, and a line that comes and goes would fill the journal.
Any other is, within an allowance.
"""

from device.core.rate import Allowance
from device.protocol.limits import FAULTS_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import Observed
    from device.core.turn import Turn

ENTRIES_BURST, ENTRIES_REFILL_MS = 20, 600_000
OF_NETWORK = ("UPLINK_", "CONTENT_", "CERTIFICATE_")


class Faults:
    """Codes in force, and which of them the journal has as begun."""

    def __init__(self) -> None:
        self.codes: tuple[str, ...] = ()
        self.written: tuple[str, ...] = ()
        self.allowance = Allowance(ENTRIES_BURST, ENTRIES_REFILL_MS)


def observed(turn: "Turn", event: "Observed") -> None:
    memory = turn.memory
    memory.refusals.observed(event.refused)
    faults = memory.faults
    faults.codes = event.faults[:FAULTS_MAX]
    of_box = tuple([code for code in faults.codes if not code.startswith(OF_NETWORK)])
    begun = [code for code in of_box if code not in faults.written]
    over = [code for code in faults.written if code not in of_box]
    for code in begun + over:
        if faults.allowance.take(turn.now.mono_ms):
            turn.append("FAULT", {"code": code, "begun": code in begun})
    faults.written = of_box
