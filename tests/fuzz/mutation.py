"""Inputs made of other inputs: bytes are flipped, moved and torn, tokens of text are exchanged.

Deterministic: the same seed gives the same inputs. What taught something new is kept and built upon (`keep`).
"""

import random
import re
from collections.abc import Callable, Sequence

BYTES_MAX = 80_000  # more than any document may have
KEPT_MAX = 1_000
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+|\w+|\s+|.', re.DOTALL)
_NASTY = (
    b"", b"null", b"true", b"-0", b"-1", b"0", b"1.5", b"1e999", b"NaN", b"Infinity", b"9007199254740993",
    b"18446744073709551616", b"9" * 400, b"{}", b"[]", b"[[]]", b'""', b'"\\ud800"', b'"\\u0000"', b'"\xe2\x80\xae"',
    b'"\xed\xa0\x80"', b'"' + b"9" * 300 + b'"', b"\xff", b"\x00", b"\xef\xbb\xbf", b"[" * 200, b'{"a":' * 100,
    b'"__proto__"', b"\r\n", b"\xfb\x01", b"FJ", b"%00", b"../",
)  # fmt: skip
_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x22, 0x2C, 0x5B, 0x7B)


class Mutator:
    """Makes the next input of a run."""

    def __init__(self, inputs: Sequence[bytes], chance: random.Random) -> None:
        self._chance = chance
        self._pool = [raw for raw in inputs if len(raw) <= BYTES_MAX] or [b""]
        self._seeds_count = len(self._pool)
        self._tokens = sorted({token for raw in self._pool for token in _TOKEN.findall(raw[:4096])} | set(_NASTY))
        self._of_bytes: tuple[Callable[[bytearray], None], ...] = (
            self._flip, self._set, self._insert, self._delete, self._repeat, self._cut, self._splice, self._number,
        )  # fmt: skip
        self._of_tokens: tuple[Callable[[list[bytes]], None], ...] = (
            self._exchange, self._exchange, self._leave_out, self._say_twice, self._swap,
        )  # fmt: skip

    def next(self) -> bytes:
        chance = self._chance
        raw = chance.choice(self._pool)
        times = 1 + int(chance.expovariate(0.7))
        if chance.random() < 0.6:
            tokens: list[bytes] = _TOKEN.findall(raw)
            for _ in range(times):
                chance.choice(self._of_tokens)(tokens)
            raw = b"".join(tokens)
        if chance.random() < 0.5:
            data = bytearray(raw)
            for _ in range(times):
                chance.choice(self._of_bytes)(data)
            raw = bytes(data)
        return raw[:BYTES_MAX]

    @property
    def pool_bytes(self) -> int:
        """What is built upon, which is memory of the fuzzer and of no parser."""
        return sum(map(len, self._pool))

    def keep(self, raw: bytes) -> None:
        """Build upon this one too; the seeds are never forgotten, the rest by chance."""
        if len(self._pool) < self._seeds_count + KEPT_MAX:
            self._pool.append(raw)
        else:
            self._pool[self._chance.randrange(self._seeds_count, len(self._pool))] = raw

    def _at(self, data: bytearray | list[bytes]) -> int:
        return self._chance.randrange(len(data) + 1)

    def _span(self, data: bytearray | list[bytes]) -> slice:
        start = self._at(data)
        return slice(start, start + 1 + int(self._chance.expovariate(0.1)))

    def _flip(self, data: bytearray) -> None:
        if data:
            data[self._chance.randrange(len(data))] ^= 1 << self._chance.randrange(8)

    def _set(self, data: bytearray) -> None:
        if data:
            data[self._chance.randrange(len(data))] = self._chance.choice(_EDGES)

    def _insert(self, data: bytearray) -> None:
        at = self._at(data)
        data[at:at] = self._chance.choice(self._tokens) if self._chance.random() < 0.5 else self._chance.randbytes(4)

    def _delete(self, data: bytearray) -> None:
        del data[self._span(data)]

    def _repeat(self, data: bytearray) -> None:
        span = self._span(data)
        times = 2 if self._chance.random() < 0.9 else self._chance.choice((10, 100, 1_000))
        data[span] = bytes(data[span]) * times

    def _cut(self, data: bytearray) -> None:
        del data[self._at(data) :]

    def _splice(self, data: bytearray) -> None:
        other = self._chance.choice(self._pool)
        data[self._at(data) :] = other[self._chance.randrange(len(other) + 1) :]

    def _number(self, data: bytearray) -> None:
        at, width = self._at(data), self._chance.choice((1, 2, 4, 8))
        value = self._chance.choice((0, 1, (1 << 8 * width) - 1, 1 << 8 * width - 1, len(data)))
        data[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, self._chance.choice(("big", "little")))

    def _exchange(self, tokens: list[bytes]) -> None:
        if tokens:
            tokens[self._chance.randrange(len(tokens))] = self._chance.choice(self._tokens)

    def _leave_out(self, tokens: list[bytes]) -> None:
        del tokens[self._span(tokens)]

    def _say_twice(self, tokens: list[bytes]) -> None:
        span = self._span(tokens)
        tokens[span] = tokens[span] * 2

    def _swap(self, tokens: list[bytes]) -> None:
        if tokens:
            one, other = self._chance.randrange(len(tokens)), self._chance.randrange(len(tokens))
            tokens[one], tokens[other] = tokens[other], tokens[one]
