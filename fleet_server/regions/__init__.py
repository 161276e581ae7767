"""regions: which codes of GB/T 2260 exist, since when, and what they are called.

What contains what is in the digits (SPEC 4.1, `device.protocol.regions`); this table has the names and dates. A code
that was merged away stays readable, since venues and papers of its time bear it.
"""

from fleet_server.regions.table import Region, Regions, load

__all__ = ["Region", "Regions", "load"]
