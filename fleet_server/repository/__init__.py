"""The TUF repository: what boxes may trust, in editions that they verify without trusting this server."""

from fleet_server.repository.incoming import take_in
from fleet_server.repository.publishing import Publisher
from fleet_server.repository.store import RepositoryFolder

__all__ = ["Publisher", "RepositoryFolder", "take_in"]
