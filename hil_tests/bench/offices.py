"""The offices of the country at work: every act of theirs through the real command lines.

Two officers of one authority draft and approve; the operator sees to venues, boxes, songs and software. How
each command is spelt stands here and nowhere else in the bench.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.crypto.p256 import SigningKey
from device.protocol.envelope import Envelope, Signature
from hil_tests.bench.country import OPERATOR, Officer, officers_over
from hil_tests.bench.fleet import ADMIN, FleetServer
from hil_tests.bench.program import Outcome, run
from hil_tests.bench.venue import Place
from hil_tests.bench.waiting import now_s

PROVISION = "provisioning"
VERIFY = "provisioning.verify"
SIDE_BY_SIDE = 3
Count = Counter[tuple[str, str]]  # (room, song)


@dataclass(frozen=True)
class Approved:
    """An order with two signatures; when the second was given, on the bench's stopwatch."""

    order: str
    envelope: bytes
    signed_at_s: float


class Offices:
    """``staff`` has accounts on the server; an officer without one still has a key."""

    def __init__(self, fleet: FleetServer, ceremony: Path, staff: Sequence[Officer]) -> None:
        self.fleet = fleet
        self.ceremony = ceremony
        self._staff = staff

    def key(self, officer: Officer) -> Path:
        return self.ceremony / "officers" / f"{officer.person}.pem"

    # -- founding

    def hold_ceremony(self, people: Path) -> None:
        given = ("--out", self.ceremony, "--fleet", self.fleet.data, "--people", people)
        run(PROVISION, "ceremony", *given).require()

    def hire(self) -> None:
        """Persons, roles, accounts and sessions of the staff; who is hired already stays."""
        self.fleet.sign_in(ADMIN)
        known = {person["person"] for person in self.fleet.data_of(ADMIN, "person", "list")}
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(self._hire, (officer for officer in self._staff if officer.person not in known)))
            list(pool.map(self.fleet.sign_in, (officer.person for officer in self._staff)))

    def _hire(self, officer: Officer) -> None:
        who = (officer.person, "--name", officer.name, "--region", officer.region)
        self.fleet.ask(ADMIN, "person", "add", *who).require()
        self.fleet.ask(ADMIN, "person", "grant", officer.person, officer.role, officer.region).require()
        password = ("--password-file", self.fleet.password_file(officer.person))
        self.fleet.ask(ADMIN, "account", "add", officer.person, "--person", officer.person, *password).require()

    def operate(self, *arguments: str | Path) -> Any:
        """One verb of the operator that must succeed; its JSON."""
        return self.fleet.data_of(OPERATOR.person, *arguments)

    def register(self, place: Place) -> str:
        """The venue's code; the same venue again keeps it."""
        papers = ("--name", place.name, "--region", place.region, "--address", place.address)
        numbers = ("--credit-code", place.credit_code, "--licence", place.licence, "--rooms", str(place.rooms))
        return str(self.operate("venue", "add", *papers, *numbers)["venue"])

    # -- orders

    def order(self, kind: str, region: str, *arguments: str | Path) -> Approved:
        """Draft with the first officer over the region, approve with the second."""
        first, second = officers_over(region)
        order = self.draft(first, kind, *arguments)
        return self.approve(second, order)

    def draft(self, officer: Officer, kind: str, *arguments: str | Path) -> str:
        """The number of the order, which now waits for a second person."""
        asked = ("order", "draft", kind, "--authority", officer.region, "--key", self.key(officer), "--yes")
        drafted = self.fleet.ask(officer.person, *asked, *arguments, "--output", "json").require(0, 5)
        return str(Outcome(drafted.command, 0, drafted.out, drafted.err).data()["order"])

    def approve(self, officer: Officer, order: str) -> Approved:
        """Sign as the second person.

        Over HTTP and not by the command line, whose start would stand in every measurement.
        """
        with self.fleet.http(officer.person) as http:
            shown = http.get(f"/api/v1/orders/{order}").raise_for_status().json()
            draft = Envelope("order", shown["payload"].encode(), ())
            signed = draft.signed_by(SigningKey.load(self.key(officer)))
            signature: Signature = signed.signatures[0]
            signed_at_s = now_s()
            answer = http.post(f"/api/v1/orders/{order}/approvals", json=signature.plain())
            answer.raise_for_status()
            envelope = http.get(f"/api/v1/orders/{order}/envelope").raise_for_status().content
        return Approved(order, envelope, signed_at_s)

    def receipts(self, region: str, order: str) -> list[dict[str, Any]]:
        officer = officers_over(region)[0]
        return list(self.fleet.data_of(officer.person, "order", "show", order)["receipts"])

    def is_in_force(self, region: str, order: str) -> bool:
        """By the books, which is to say by receipts and reports of the boxes (SPEC 6.5)."""
        receipts = self.receipts(region, order)
        return bool(receipts) and all(row["in_force_at_ms"] is not None for row in receipts)

    # -- plays

    def ledger(self, venue: str) -> Count:
        """Counted plays of one venue by room and song, as the ledger has them."""
        rows: Sequence[dict[str, Any]] = self.operate("plays", "query", "--venue", venue, "--by", "room,song")
        return Counter({(row["room"], row["song"]): int(row["plays"]) for row in rows})

    def times(self, venue: str) -> set[int]:
        """When the plays of one venue ended, as the ledger has it."""
        rows: Sequence[dict[str, Any]] = self.operate("plays", "query", "--venue", venue)
        return {int(row["ended_at_ms"]) for row in rows if row["ended_at_ms"] is not None}
