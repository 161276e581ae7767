"""What stands behind the LAN interface: the running core if there is one, identity, tokens, listeners."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Set

from device.services.listeners import Listeners
from device.services.pairing import Pairing
from device.typed import Any

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.services.runtime import Runtime

Question = Callable[[str, str, str], str]  # room, song, file -> code


class NotReadyError(Exception):
    """There is no core to ask yet; status and code say why, and whether to ask again."""

    def __init__(self, is_enrolled: bool) -> None:
        self.status = 503 if is_enrolled else 403
        self.code = "JOURNAL_UNAVAILABLE" if is_enrolled else "BOX_UNCLAIMED"
        super().__init__(self.code)


class Desk:
    """Filled by the composition root; `open_with` when the core stands and knows what the disk knows.

    Until then an enrolled box says nothing of its state: it may be locked, and must not be taken for free.
    """

    def __init__(
        self,
        pairing: Pairing,
        factory_csr: Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]],
        factory_identity: Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]],
        claim: Callable[[Any], Awaitable[dict[str, Any]]],
        box: Callable[[], str],
        is_enrolled: Callable[[], bool],
    ) -> None:
        self.pairing = pairing
        self.factory_csr = factory_csr
        self.factory_identity = factory_identity
        self.claim = claim
        self.box = box
        self.is_enrolled = is_enrolled
        self.listeners = Listeners()
        self.faults: set[str] = set()  # codes of what is out of order now; each part adds and removes its own
        self.refused: Counter[str] = Counter()  # LAN requests of strangers, by code
        self.is_shut = False  # the box cannot be itself; the core stands, and answers nobody
        self.look: Callable[[], object] = lambda: None  # at the sockets of the LAN, once there are any
        self._runtime: Runtime | None = None
        self._state: Callable[[], dict[str, Any]] | None = None
        self._brief: Callable[[], dict[str, Any]] | None = None
        self._question: Callable[[], Question] | None = None

    def replace_fault(self, of_part: Set[str], code: str) -> None:
        """What a part says now: one of its codes, or none."""
        self.faults.difference_update(of_part - {code})
        if code:
            self.faults.add(code)

    @property
    def runtime(self) -> "Runtime":
        """Raises NotReadyError."""
        if self._runtime is None or self.is_shut:
            raise NotReadyError(self.is_enrolled())
        return self._runtime

    def open_with(
        self,
        runtime: "Runtime",
        state: Callable[[], dict[str, Any]],
        brief: Callable[[], dict[str, Any]],
        question: Callable[[], Question],
    ) -> None:
        self._runtime = runtime
        runtime.look = self.look
        self._state = state
        self._brief = brief
        self._question = question

    def question(self) -> Question:
        """To be asked of this instant, again and again (`Box.question_at`). Raises NotReadyError."""
        if self._question is None or self.is_shut:
            raise NotReadyError(self.is_enrolled())
        return self._question()

    def may_play(self, room: str, song: str, file: str) -> str:
        """The code that a play would be refused with now, empty if it may start. Raises NotReadyError."""
        return self.question()(room, song, file)

    def state(self) -> dict[str, Any]:
        """The body of GET /v1/state. Raises NotReadyError while an enrolled box starts."""
        state = self._state() if self._state is not None and not self.is_shut else self._bare_state()
        return {**state, "faults": sorted(self.faults)}

    def brief(self) -> dict[str, Any]:
        """The state that fits a frame of the serial line. Raises NotReadyError likewise."""
        return self._brief() if self._brief is not None and not self.is_shut else self._bare_state()

    def page_state(self) -> dict[str, Any]:
        """For the status page, which has words for a box that starts."""
        try:
            return self.state()
        except NotReadyError:
            return {"box": self.box(), "venue": "", "state": "starting", "faults": sorted(self.faults)}

    def _bare_state(self) -> dict[str, Any]:
        if self.is_enrolled():
            raise NotReadyError(is_enrolled=True)
        return {"box": self.box(), "venue": "", "state": "unclaimed", "enrolled": False}
