"""audit: the append-only, hash-chained record of who did what to what.

`record` belongs into the transaction of the change it records; `people.Act.record` calls it for requests,
workers call it themselves with the name of their task as actor.
"""

from fleet_server.audit.store import latest_rows, record

__all__ = ["latest_rows", "record"]
