"""Which regions are silent: so many of their boxes that the fault is not the venues'.

1. Counted are active boxes that have reported within COUNTED_FOR_MS: one that is gone for good is no witness.
2. Silent is a box that has not reported for SILENT_FOR_MS.
3. A region counts with all below it; where a province is silent its counties are not named again.
"""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Connection, select

from device.protocol.limits import DAY_MS, LEASE_FOR_MS_MAX
from device.protocol.regions import COUNTRY_CODE, contains
from fleet_server.boxes import Status
from fleet_server.boxes.model import box_reports, boxes

SILENT_FOR_MS = 3_600_000
COUNTED_FOR_MS = LEASE_FOR_MS_MAX + DAY_MS


@dataclass(frozen=True, slots=True)
class Tally:
    region: str
    silent: int
    boxes: int


def silent_regions(connection: Connection, percent: int, boxes_min: int, now_ms: int) -> list[Tally]:
    """Regions with at least `boxes_min` boxes of which `percent` or more are silent, the largest first."""
    all_of: Counter[str] = Counter()
    silent_of: Counter[str] = Counter()
    reported = box_reports.c.received_at_ms
    rows = connection.execute(
        select(boxes.c.region, reported)
        .join(box_reports, box_reports.c.box == boxes.c.box)
        .where(boxes.c.status == Status.ACTIVE.value, reported > now_ms - COUNTED_FOR_MS)
    )
    for region, reported_at_ms in rows:
        for outer in _lineage(region):
            all_of[outer] += 1
            silent_of[outer] += now_ms - reported_at_ms > SILENT_FOR_MS
    found: list[Tally] = []
    for region in sorted(all_of, key=lambda code: (code != COUNTRY_CODE, code[2:] != "0000", code[4:] != "00", code)):
        is_silent = all_of[region] >= boxes_min and 100 * silent_of[region] >= percent * all_of[region]
        if is_silent and not any(contains(larger.region, region) for larger in found):
            found.append(Tally(region, silent_of[region], all_of[region]))
    return found


def _lineage(region: str) -> list[str]:
    """The region and all that contain it, each once."""
    return list(dict.fromkeys((COUNTRY_CODE, f"{region[:2]}0000", f"{region[:4]}00", region)))
