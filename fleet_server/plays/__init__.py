"""plays: the boxes' journals as received and verified, the ledger of plays, incidents."""

from fleet_server.plays.business_day import business_day
from fleet_server.plays.incidents import Incident, list_incidents, open_incident
from fleet_server.plays.ingest import Ingest, Observer
from fleet_server.plays.queries import (
    Count,
    Meter,
    Play,
    Wanted,
    count_plays,
    counts,
    incidents_of,
    journal_size,
    latest_plays,
    list_meters,
    list_plays,
    running_plays,
)

__all__ = [
    "Count",
    "Incident",
    "Ingest",
    "Meter",
    "Observer",
    "Play",
    "Wanted",
    "business_day",
    "count_plays",
    "counts",
    "incidents_of",
    "journal_size",
    "latest_plays",
    "list_incidents",
    "list_meters",
    "list_plays",
    "open_incident",
    "running_plays",
]
