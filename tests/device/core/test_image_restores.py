"""A few hundred image restores in every run, and what turns them red (`image_restores.py`)."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.device.core.holds_mutations import MUTATIONS
from tests.device.core.image_restores import run


def test_6_6_no_image_that_is_put_back_makes_a_box_forget() -> None:
    done = run(300, 1)
    assert done["restores"] >= 300
    assert done["restricted"] > 100
    assert done["cuts"] > 300


@pytest.mark.parametrize("broken", MUTATIONS.values(), ids=MUTATIONS.keys())
def test_without_the_rule_it_is_seen(broken: Callable[[], AbstractContextManager[None]]) -> None:
    with broken(), pytest.raises(AssertionError, match="life"):
        run(400, 1)
