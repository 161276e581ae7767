"""A little of `make soak` in every run, and that its parts see what they should."""

import pytest

from tests.soak import bit_flips, sigkill, whole_kills
from tests.soak.__main__ import arguments_of
from tests.soak.mutations import MUTATIONS, NAMED, seen_by


def test_what_was_told_before_a_kill_is_there_after_it() -> None:
    assert sigkill.run(count=40, seed=1) > 0


def test_the_whole_program_is_killed_on_its_board_and_keeps_what_it_told() -> None:
    assert whole_kills.run(count=10, seed=1) > 0


def test_a_single_life_may_end_before_its_first_play() -> None:
    whole_kills.run(count=1, seed=1)


@pytest.mark.parametrize("share", ["0", "-1", "nan", "much"])
def test_no_share_of_the_soak_is_a_usage_error(share: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments_of(["--share", share])
    assert ended.value.code == 2
    assert "--share" in capsys.readouterr().err


def test_every_flipped_bit_of_the_journal_is_found() -> None:
    assert bit_flips.journal(count=1_000, seed=1) == 1_000


def test_every_flipped_bit_of_the_record_is_found() -> None:
    assert bit_flips.state(count=2_000, seed=1) == 2_000


@pytest.mark.parametrize("number", range(len(NAMED)), ids=lambda number: MUTATIONS[number].name)
def test_a_broken_rule_turns_its_part_red(number: int) -> None:
    assert seen_by(number)
