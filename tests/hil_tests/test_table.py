"""The live table keeps its columns under Chinese names and never wraps."""

from hil_tests.demo.table import laid_out


def test_columns_stand_under_each_other_whatever_the_script() -> None:
    first, second = laid_out([("venue", "state"), ("星光 KTV", "locked")])
    assert first == "venue     state"
    assert second == "星光 KTV  locked"
