"""The table of a leg's states, held against the list that SPEC 13.3 and the brief of rollouts give."""

from itertools import product

from device.protocol.updates import UPDATE_STATES
from fleet_server.rollouts.legs import FAILED, NEXT, STATES, UNDER_WAY, may_become

_ORDER = ["scheduled", "offered", "downloading", "written", "armed", "trial"]
_ENDS = ["confirmed", "rolled-back", "rejected"]


def test_every_pair_of_states() -> None:
    wanted = set()
    for before, after in product(STATES, STATES):
        goes_on = before in _ORDER and after in _ORDER and _ORDER.index(before) < _ORDER.index(after)
        ends = before in _ORDER and after in (*_ENDS, "timed-out")
        is_late = before == "timed-out" and after in (*_ORDER[2:], *_ENDS)
        if goes_on or ends or is_late:
            wanted.add((before, after))
    found = {(before, after) for before, after in product(STATES, STATES) if may_become(before, after)}
    assert found - {(state, state) for state in STATES} == wanted


def test_an_end_stays_an_end() -> None:
    assert [state for state in STATES if not NEXT[state]] == _ENDS


def test_every_word_of_a_box_has_its_state() -> None:
    assert set(UPDATE_STATES) - {"idle"} <= set(STATES)
    assert UNDER_WAY | FAILED | {"confirmed"} == set(STATES)
