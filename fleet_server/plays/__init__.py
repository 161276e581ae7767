"""plays: the boxes' journals as received and verified, the ledger of plays, incidents."""

from fleet_server.plays.ingest import Ingest, Observer

__all__ = ["Ingest", "Observer"]
