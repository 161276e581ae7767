"""The claim: which venue this box stands in, and in which region that venue lies today (SPEC 4.2, 14)."""

from device.core.effects import LookForTargets
from device.core.facts import Fact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import Claimed
    from device.core.turn import Turn


class Claim(Fact):
    """`region` is that of the last lease, at first that of the claim."""

    venue: str
    region: str
    FIELDS = ("venue", "region")


def claimed(turn: "Turn", event: "Claimed") -> None:
    """The fleet accepted the claim. A lease for another venue is void; holds stay, for only an order ends them."""
    memory = turn.memory
    if memory.claim is None or memory.claim.venue != event.venue:
        memory.lease.held = None
    memory.claim = Claim(venue=event.venue, region=event.region)
    turn.append("CLAIM", {"venue": event.venue, "region": event.region})
    turn.save()
    turn.do(LookForTargets())
