"""What stands behind the LAN interface: the running core if there is one, identity, tokens, listeners."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from device.services.listeners import Listeners
from device.services.pairing import Pairing
from device.services.runtime import Runtime


class NotReadyError(Exception):
    """The box is not enrolled, so it has no core yet."""


@dataclass
class Desk:
    """Filled by the composition root; `open_with` when the core stands."""

    pairing: Pairing
    factory_csr: Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]
    factory_identity: Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]
    claim: Callable[[Any], Awaitable[dict[str, Any]]]
    bare_state: Callable[[], dict[str, Any]]
    listeners: Listeners = field(default_factory=Listeners)
    _runtime: Runtime | None = None
    _state: Callable[[], dict[str, Any]] | None = None
    _brief: Callable[[], dict[str, Any]] | None = None

    @property
    def runtime(self) -> Runtime:
        """Raises NotReadyError."""
        if self._runtime is None:
            raise NotReadyError
        return self._runtime

    def open_with(
        self, runtime: Runtime, state: Callable[[], dict[str, Any]], brief: Callable[[], dict[str, Any]]
    ) -> None:
        self._runtime = runtime
        self._state = state
        self._brief = brief

    def state(self) -> dict[str, Any]:
        """The body of GET /v1/state."""
        return self._state() if self._state is not None else self.bare_state()

    def brief(self) -> dict[str, Any]:
        """The state that fits a frame of the serial line."""
        return self._brief() if self._brief is not None else self.bare_state()
