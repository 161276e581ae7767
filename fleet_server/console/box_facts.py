"""What is known of a box: where it stands, what it last reported, how much of its journal is here."""

from dataclasses import dataclass

from device.protocol.uplink import Report
from fleet_server import boxes, plays, venues
from fleet_server.people import Act
from fleet_server.plays import Incident


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFacts:
    """`watermark` entries are verified and acknowledged here; `head` is that of the box's last report."""

    epoch: int
    size: int
    head: str
    watermark: int
    behind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxFacts:
    box: str
    status: str
    region: str
    venue: str | None
    venue_name: str
    is_online: bool
    heard_at_ms: int | None
    claimed_at_ms: int | None
    certificate_until_ms: int | None
    report: Report | None
    journal: JournalFacts | None
    incidents: list[Incident]

    @property
    def state(self) -> str:
        """As the box last said; empty if it has said nothing yet."""
        return boxes.state_of(self.report) if self.report else ""

    @property
    def is_restricted(self) -> bool:
        return self.state == boxes.RESTRICTED

    @property
    def faults(self) -> list[str]:
        """What is out of order, but for what the state says already."""
        return [code for code in self.report.faults if code != "BOX_RESTRICTED"] if self.report else []

    @property
    def refused(self) -> list[tuple[str, int]]:
        """Codes and counts as the box reports them, the most frequent first."""
        counts = self.report.refused if self.report else {}
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def box_facts(act: Act, box: str) -> BoxFacts:
    """Raises ProblemError NOT_FOUND."""
    found = boxes.one(act, box)
    reported = boxes.last_report(act.connection, box)
    report = reported[0] if reported else None
    venue = venues.find(act.connection, found.venue) if found.venue else None
    return BoxFacts(
        box=found.box,
        status=found.status.value,
        region=found.region,
        venue=found.venue,
        venue_name=venue.name if venue else "",
        is_online=boxes.is_online(found.reported_at_ms, act.now_ms),
        heard_at_ms=found.reported_at_ms,
        claimed_at_ms=found.claimed_at_ms,
        certificate_until_ms=found.certificate_until_ms,
        report=report,
        journal=None if report is None else _journal(act, report),
        incidents=plays.incidents_of(act, box),
    )


def _journal(act: Act, report: Report) -> JournalFacts:
    """What is here counts, not what the box believes to be here."""
    journal = report.journal
    epoch, here = plays.journal_size(act, report.box)
    watermark = here if epoch == journal.epoch else 0
    return JournalFacts(
        epoch=journal.epoch,
        size=max(journal.size, watermark),  # the last report may be older than what came since
        head=journal.head,
        watermark=watermark,
        behind=max(0, journal.size - watermark),
    )
