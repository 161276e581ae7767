"""The claim: which venue this box stands in, and in which region that venue lies (SPEC 4.2, 14).

Only a claim or the authority policy, which two custodians sign, says where a venue lies: a lease moves nobody.
"""

from device.core.effects import LookForTargets
from device.core.facts import Fact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.core.events import Claimed
    from device.core.turn import Turn
    from device.protocol.policy import AuthorityPolicy


class Claim(Fact):
    """`region` is that of the claim, or what the policy says that it has become."""

    venue: str
    region: str
    FIELDS = ("venue", "region")


def claimed(turn: "Turn", event: "Claimed") -> None:
    """The fleet accepted the claim. A lease for another venue is void; holds stay, for only an order ends them.

    What the box knows already costs nothing: whoever reads the venue on its page can say it again without end.
    """
    memory = turn.memory
    policy = memory.content.policy
    region = event.region if policy is None else policy.region_now(event.region)
    if memory.claim == Claim(venue=event.venue, region=region):
        return
    if memory.claim is None or memory.claim.venue != event.venue:
        memory.lease.held = None
    _set(turn, event.venue, region)
    turn.do(LookForTargets())


def follow_moves(turn: "Turn", policy: "AuthorityPolicy") -> None:
    """A region has changed its code, says a new policy."""
    claim = turn.memory.claim
    if claim is not None and policy.region_now(claim.region) != claim.region:
        _set(turn, claim.venue, policy.region_now(claim.region))


def _set(turn: "Turn", venue: str, region: str) -> None:
    turn.memory.claim = Claim(venue=venue, region=region)
    turn.append("CLAIM", {"venue": venue, "region": region})
    turn.save()
