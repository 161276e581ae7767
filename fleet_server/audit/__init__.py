"""audit: the append-only, hash-chained record of who did what to what.

`record` belongs into the transaction of the change it records; `people.Act.record` calls it for requests,
workers call it themselves with the name of their task as actor.
"""

from fleet_server.audit.store import record

__all__ = ["record"]
