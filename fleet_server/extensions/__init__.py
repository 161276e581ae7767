"""extensions: a region out of reach of the platform is not stopped for it (SPEC 7.5, domain rule 34)."""

from fleet_server.extensions.outages import Tally, silent_regions
from fleet_server.extensions.store import Extended, issue, list_extensions

__all__ = ["Extended", "Tally", "issue", "list_extensions", "silent_regions"]
