"""The states of one box's leg of a rollout, as a table.

`scheduled` and `offered` (sent, perhaps lost) are this server's; all others are what the box said in a report that it
signed (SPEC 10.4, 13.3), but for `timed-out`: silence by the deadline counts as failed. Reports may be missed, so a
leg may skip states; it never goes back. What a box says after its deadline is still taken: it is what is.

A pair that is absent is no step: the report changes nothing.

Pure.
"""

SCHEDULED = "scheduled"
OFFERED = "offered"
DOWNLOADING = "downloading"
WRITTEN = "written"
ARMED = "armed"
TRIAL = "trial"
CONFIRMED = "confirmed"
ROLLED_BACK = "rolled-back"
REJECTED = "rejected"
TIMED_OUT = "timed-out"

_ENDS = frozenset({CONFIRMED, ROLLED_BACK, REJECTED})
_FROM_TRIAL = _ENDS | {TIMED_OUT}
_FROM_ARMED = _FROM_TRIAL | {TRIAL}
_FROM_WRITTEN = _FROM_ARMED | {ARMED}
_FROM_DOWNLOADING = _FROM_WRITTEN | {WRITTEN}
_FROM_OFFERED = _FROM_DOWNLOADING | {DOWNLOADING}

NEXT: dict[str, frozenset[str]] = {
    SCHEDULED: _FROM_OFFERED | {OFFERED},
    OFFERED: _FROM_OFFERED,
    DOWNLOADING: _FROM_DOWNLOADING,
    WRITTEN: _FROM_WRITTEN,
    ARMED: _FROM_ARMED,
    TRIAL: _FROM_TRIAL,
    CONFIRMED: frozenset(),
    ROLLED_BACK: frozenset(),
    REJECTED: frozenset(),
    TIMED_OUT: _FROM_OFFERED - {TIMED_OUT},
}
STATES = tuple(NEXT)
UNDER_WAY = frozenset({SCHEDULED, OFFERED, DOWNLOADING, WRITTEN, ARMED, TRIAL})
FAILED = frozenset({ROLLED_BACK, REJECTED, TIMED_OUT})


def may_become(state: str, following: str) -> bool:
    """Whether the table has this step."""
    return following in NEXT[state]
