"""How much of the box whoever shows no token may use by bringing orders and extensions (SPEC 15.1).

Their signatures let anyone bring them, and the largest genuine one can be brought again without end: reading one takes
memory, deciding on it takes time that songs wait for.

1. One document of an address is read and decided at a time, AT_A_TIME_MAX of all.
2. An address may bring BURST at once, and one more each EVERY_MS.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from device.core.rate import Allowance
from device.services.lan_guard import RefusalError

AT_A_TIME_MAX = 8
BURST, EVERY_MS = 8, 1_000
ADDRESSES_MAX = 64  # whose allowance is remembered; a network that has more of them shares it anew


class Couriers:
    """Of one interface."""

    def __init__(self) -> None:
        self._at_work: set[str] = set()
        self._allowances: dict[str, Allowance] = {}

    @contextmanager
    def bringing(self, address: str, mono_ms: int) -> Iterator[None]:
        """Raises RefusalError TOO_MANY_REQUESTS."""
        if address in self._at_work or len(self._at_work) >= AT_A_TIME_MAX or not self._may_bring(address, mono_ms):
            raise RefusalError(HTTPStatus.TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS")
        self._at_work.add(address)
        try:
            yield
        finally:
            self._at_work.discard(address)

    def _may_bring(self, address: str, mono_ms: int) -> bool:
        if address not in self._allowances and len(self._allowances) >= ADDRESSES_MAX:
            self._allowances.clear()
        allowance = self._allowances.setdefault(address, Allowance(BURST, EVERY_MS))
        return allowance.take(mono_ms)
