"""How to bring a venue to a state that a test asks for (labgrid's word: a strategy).

    off -> flashed -> enrolled -> claimed -> in-service -> locked

Each state is reached from the one before it; a state that was passed is not left again, except that
``in-service`` and ``locked`` lead to each other. A strategy that failed once does not try again: what it
would find is not what a test asked for. A venue that stands is asked whether it still does: what one test left
behind is not the next one's to find out.
"""

from collections.abc import Callable
from typing import Literal

from hil_tests.bench.offices import Approved
from hil_tests.bench.stage import Stage
from hil_tests.bench.venue import Venue
from hil_tests.bench.waiting import wait_for

State = Literal["off", "flashed", "enrolled", "claimed", "in-service", "locked"]
ORDER: tuple[State, ...] = ("off", "flashed", "enrolled", "claimed", "in-service", "locked")
Act = Callable[[Stage, Venue], Approved]
EndAct = Callable[[Stage, Venue, Approved], Approved]


class StrategyError(Exception):
    """The state cannot be reached; says from where, and why."""


class Strategy:
    """One venue's way. ``stop`` and ``end_stop`` are how it is locked and opened again."""

    def __init__(self, stage: Stage, venue: Venue, stop: Act, end_stop: EndAct) -> None:
        self._stage = stage
        self._venue = venue
        self._stop = stop
        self._end_stop = end_stop
        self._stopped: Approved | None = None
        self._failure: Exception | None = None
        self.state: State = "off"

    def reach(self, wanted: State) -> Venue:
        """The venue, in that state. Raises StrategyError."""
        if self._failure is not None:
            raise StrategyError(f"{self._venue.place.box} failed before: {self._failure}")
        reopens = self.state == "locked" and wanted == "in-service"
        if ORDER.index(wanted) < ORDER.index(self.state) and not reopens:
            raise StrategyError(f"{self._venue.place.box} is {self.state} and does not go back to {wanted}")
        try:
            if self.state in ("in-service", "locked"):
                self._venue.wait_state(self.state)
            if reopens:
                self._open()
            while self.state != wanted:
                self._step()
        except Exception as error:  # whatever it was, the venue is in no known state now
            self._failure = error
            raise
        return self._venue

    def _step(self) -> None:
        stage, venue = self._stage, self._venue
        match self.state:
            case "off":
                stage.power_up(venue)
                self.state = "flashed"
            case "flashed":
                stage.enrol(venue)
                self.state = "enrolled"
            case "enrolled":
                stage.claim(venue)
                stage.pair(venue)
                self.state = "claimed"
            case "claimed":
                venue.wait_state("in-service")
                self.state = "in-service"
            case "in-service":
                self._stopped = self._stop(stage, venue)
                venue.wait_state("locked")
                self._wait_in_force(self._stopped.order)
                self.state = "locked"

    def _wait_in_force(self, order: str) -> None:
        """The box refuses before its disk has the order; only behind the receipt must it outlive the power (6.5)."""
        region = self._venue.place.region
        wait_for(f"{order} in force by the books", lambda: self._stage.offices.is_in_force(region, order))

    def _open(self) -> None:
        if self._stopped is not None:
            self._end_stop(self._stage, self._venue, self._stopped)
        self._venue.wait_state("in-service")
        self._stopped = None
        self.state = "in-service"
