"""SPEC 4.1: regions contain by their pairs."""

from hypothesis import given
from hypothesis import strategies as st

from device.protocol.regions import contains, is_region, level

PAIRS = st.integers(1, 99)
REGIONS = (
    st.just("000000")
    | PAIRS.map(lambda a: f"{a:02d}0000")
    | st.tuples(PAIRS, PAIRS).map(lambda p: f"{p[0]:02d}{p[1]:02d}00")
    | st.tuples(PAIRS, PAIRS, PAIRS).map(lambda p: f"{p[0]:02d}{p[1]:02d}{p[2]:02d}")
)


def parents(region: str) -> list[str]:
    """The region and everything above it, by the rule as it is written."""
    return [region, region[:4] + "00", region[:2] + "0000", "000000"]


def test_4_1_levels() -> None:
    assert [level(region) for region in ("000000", "310000", "310100", "310101")] == [1, 2, 3, 4]


def test_4_1_a_region_contains_itself_and_what_is_below() -> None:
    for region in parents("310101"):
        assert contains(region, "310101")
    assert not contains("310101", "310100")
    assert not contains("310102", "310101")
    assert not contains("320000", "310101")
    assert not contains("310000", "000000")


@given(REGIONS, REGIONS)
def test_4_1_containment_is_the_chain_of_parents(outer: str, inner: str) -> None:
    assert is_region(outer)
    assert contains(outer, inner) == (outer in parents(inner))


def test_4_1_nothing_stands_below_an_empty_pair() -> None:
    assert not any(is_region(text) for text in ("000001", "000100", "000101", "310001", "31010", "3101011", "31O101"))
