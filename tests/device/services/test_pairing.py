"""Tokens of VOD servers that pair at one moment (SPEC 15.2)."""

import threading
from concurrent.futures import ThreadPoolExecutor

from device.services.pairing import Pairing

LABEL = "LABEL-CODE-1"


class OneAtATime:
    """Settings as a file that is read, changed and replaced; tells whether two were in it at once."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}
        self.met = False
        self._two = threading.Barrier(2)

    def get(self, name: str) -> str | None:
        return self.rows.get(name)

    def named(self, prefix: str) -> dict[str, str]:
        return {name[len(prefix) :]: value for name, value in self.rows.items() if name.startswith(prefix)}

    def put(self, name: str, value: str) -> None:
        rows = dict(self.rows)
        try:
            self._two.wait(0.1)
            self.met = True
        except threading.BrokenBarrierError:
            self._two.reset()
        self.rows = {**rows, name: value}


def test_two_that_pair_at_once_both_keep_their_tokens() -> None:
    values = OneAtATime()
    pairing = Pairing(values, lambda: 0)
    pairing.set_label_code(LABEL)
    with ThreadPoolExecutor(5) as threads:
        looking = threads.submit(pairing.try_again)
        tokens = dict(zip("abcd", threads.map(lambda vod: pairing.pair(LABEL, vod), "abcd"), strict=True))
        looking.result()
    assert not values.met
    again = Pairing(values, lambda: 0)
    assert {vod: again.vod_of(token) for vod, token in tokens.items()} == {vod: vod for vod in "abcd"}
