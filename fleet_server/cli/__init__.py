"""frontbox-fleet: the command line of the fleet server, for administrators, operators and officers."""

from fleet_server.cli.main import main

__all__ = ["main"]
