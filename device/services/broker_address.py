"""Where the fleet's broker is looked for: where the last renewal says, or where it was before (SPEC 14.4).

A fleet server in foreign hands may name any broker in a renewal, and the next one is a year away. So:

1. Only a lease proves a broker: whoever answers at an address, and even holds a session open, may be anybody.
2. After TRIES_MAX attempts without one the other address has its turn, and so on; what the fleet has answered since
   comes first.
3. A session that brings none for SILENT_FOR_S is left, where there is another address.
4. The address before is the last that was proven, however often an unproven one is replaced. It stands on the card only
   until the newest is proven: what is alone there is what the next start keeps beside a newer one.
5. Where the settings name a broker, only that one is asked: a lease over it proves no other.
"""

from collections.abc import Callable, Mapping
from typing import Any

TRIES_MAX = 3
SILENT_FOR_S = 86_400.0

Address = dict[str, Any]  # host, port


class BrokerAddress:
    """facts: of the claim, `broker` and perhaps `before`; lease: the number of the lease that the box holds;
    instead: rule 5.
    """

    def __init__(
        self,
        facts: Callable[[], Mapping[str, Any]],
        lease: Callable[[], int | None],
        instead: Address | None = None,
    ) -> None:
        self._facts = facts
        self._lease = lease
        self._instead = instead
        self._held = lease()
        self._newest: Address | None = None
        self._at: Address | None = None
        self._proven: Address | None = None
        self._tries = 0

    def next(self) -> Address:
        """For one attempt. Raises DriverError IDENTITY_DAMAGED."""
        if self._instead is not None:
            return self._instead
        facts = self._facts()
        newest, before = facts["broker"], facts.get("before")
        self._look()
        if newest != self._newest:
            self._newest = self._at = newest
            self._tries = 0
        elif self._tries >= TRIES_MAX:
            self._at = before if before is not None and self._at == newest else newest
            self._tries = 0
        self._tries += 1
        assert self._at is not None, "set with the newest"
        return self._at

    def before(self, newest: Address) -> Address | None:
        """What to keep beside `newest`, which a renewal has named: rule 4."""
        facts = self._facts()
        last: Address = facts["broker"]
        known: Address = last if self.proven() == last else facts.get("before") or last
        return None if known == newest else known

    def proven(self) -> Address | None:
        """Over which the last lease of this start came."""
        self._look()
        return self._proven

    def is_to_be_left(self, stood_for_s: float) -> bool:
        """Rule 3, of the session that stands."""
        self._look()
        return stood_for_s > SILENT_FOR_S and self._tries > 0 and "before" in self._facts()

    def _look(self) -> None:
        """Rule 1."""
        held = self._lease()
        if held != self._held:
            self._held = held
            if held is not None:
                self._proven, self._tries = self._at, 0
