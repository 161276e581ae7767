"""venues: the register of places, their codes and their jurisdiction."""

from fleet_server.venues.store import Venue, count, find, list_venues, one, region_of

__all__ = ["Venue", "count", "find", "list_venues", "one", "region_of"]
