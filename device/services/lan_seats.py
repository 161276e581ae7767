"""How many connections the LAN interface has, and whose (SPEC 15.2).

1. A connection is a stranger's until a request on it has shown a token that is paired; an address that has shown one
   since the start is no stranger's any more.
2. Strangers have STRANGERS_MAX places, STRANGERS_PER_ADDRESS_MAX of one address. Where a place is missing, the stranger
   that has waited longest without a whole request under way is cut for the new one: a VOD server that comes back finds
   a place, shows its token, and keeps it, whoever else holds the others.
3. Addresses that are paired have PAIRED_MAX places that no stranger can take.
"""

from collections import Counter

from device.typed import Protocol

STRANGERS_MAX = 192
STRANGERS_PER_ADDRESS_MAX = 64
PAIRED_MAX = 128
ADDRESSES_MAX = 256  # paired addresses that are remembered


class Seated(Protocol):
    """A connection, as its place sees it."""

    address: str

    @property
    def is_idle(self) -> bool:
        """No request is under way, or its body has not come yet."""

    def cut(self) -> None: ...


class Seats:
    """The places of one interface."""

    def __init__(self) -> None:
        self._strangers: dict[Seated, None] = {}  # in the order in which they came
        self._paired: dict[Seated, None] = {}
        self._by_address: Counter[str] = Counter()  # of strangers
        self._known: dict[str, None] = {}

    @property
    def count(self) -> int:
        return len(self._strangers) + len(self._paired)

    def take(self, who: Seated) -> bool:
        """A place for a new connection; False if there is none."""
        if who.address in self._known and len(self._paired) < PAIRED_MAX:
            self._paired[who] = None
            return True
        if self._by_address[who.address] >= STRANGERS_PER_ADDRESS_MAX and not self._free(who.address):
            return False
        if len(self._strangers) >= STRANGERS_MAX and not self._free(""):
            return False
        self._strangers[who] = None
        self._by_address[who.address] += 1
        return True

    def show_token(self, who: Seated) -> None:
        """Rule 1; called once for a connection."""
        if who.address not in self._known:
            if len(self._known) >= ADDRESSES_MAX:
                del self._known[next(iter(self._known))]
            self._known[who.address] = None
        if who in self._strangers and len(self._paired) < PAIRED_MAX:
            self._leave_strangers(who)
            self._paired[who] = None

    def leave(self, who: Seated) -> None:
        """The connection has ended; it may never have had a place."""
        self._paired.pop(who, None)
        if who in self._strangers:
            self._leave_strangers(who)

    def _free(self, address: str) -> bool:
        """Rule 2: cut the one that came first, of this address or of all."""
        for who in self._strangers:
            if who.is_idle and address in ("", who.address):
                self._leave_strangers(who)
                who.cut()
                return True
        return False

    def _leave_strangers(self, who: Seated) -> None:
        del self._strangers[who]
        self._by_address[who.address] -= 1
        if not self._by_address[who.address]:
            del self._by_address[who.address]
