"""1. Three boxes provisioned from nothing; a code with one wrong character and a used voucher refused."""

import json

from hil_tests.bench.country import OPERATOR, SPARE_BOX
from hil_tests.bench.stage import Stage
from hil_tests.bench.venue import Venue
from hil_tests.bench.waiting import now_s

TITLE = "provisioned"
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def prove(stage: Stage) -> str:
    started = now_s()
    stage.open_venues()
    took_s = now_s() - started
    for venue in stage.venues:
        said = venue.wait_state("in-service")
        assert said["venue"] == stage.code(venue), said
    wrong = _one_wrong_character(stage.code(stage.venues[0]))
    shown = stage.fleet.ask(OPERATOR.person, "venue", "show", wrong)
    assert shown.exit_code != 0, f"{wrong} was accepted: {shown}"
    assert shown.says("VENUE_CODE_CHECK"), f"{wrong}: {shown}"
    code = _claim_with_used_voucher(stage)
    assert code == "VOUCHER_USED", f"a used voucher was answered with {code}"
    return f"3 boxes in service in {took_s:.0f} s; {wrong} refused, used voucher refused"


def _one_wrong_character(code: str) -> str:
    at = len(code) - 3
    other = ALPHABET[(ALPHABET.index(code[at]) + 1) % len(ALPHABET)]
    return code[:at] + other + code[at + 1 :]


def _claim_with_used_voucher(stage: Stage) -> str:
    """A thief has an enrolled box and the paper of a claim that is done; the code of the answer."""
    spare = Venue(stage.folder / "venues" / SPARE_BOX.box, SPARE_BOX, stage.songs)
    try:
        stage.power_up(spare)
        stage.enrol(spare)
        voucher = json.loads((stage.venues[0].folder / "voucher.json").read_bytes())
        laptop = spare.laptop()
        answer = laptop.claim({**voucher, "box": SPARE_BOX.box})
        laptop.close()
        assert answer.status >= 400, f"a used voucher was accepted: {answer}"
        return answer.code
    finally:
        spare.board.stop()
