"""What stands for `typing` and `re.compile` on the way to the first answer means the same."""

import re
import typing

import pytest

from device import typed
from device.patterns import pattern


class Ours(typed.NamedTuple):
    """Two fields."""

    room: str
    songs: tuple[str, ...] = ()

    @property
    def length(self) -> int:
        return len(self.songs)

    @classmethod
    def empty(cls) -> "Ours":
        return cls("K1")


class Theirs(typing.NamedTuple):
    """Two fields."""

    room: str
    songs: tuple[str, ...] = ()

    @property
    def length(self) -> int:
        return len(self.songs)

    @classmethod
    def empty(cls) -> "Theirs":
        return cls("K1")


def test_a_named_tuple_is_that_of_typing() -> None:
    kinds: tuple[typing.Any, ...] = (Ours, Theirs)
    for kind in kinds:
        made = kind("K1", ("a", "b"))
        assert (made.room, made.songs, made.length, kind.empty()) == ("K1", ("a", "b"), 2, ("K1", ()))
        assert made == kind(room="K1", songs=("a", "b")) == ("K1", ("a", "b"))
        assert (made._replace(room="K2").room, made._asdict()["songs"]) == ("K2", ("a", "b"))
        assert repr(made) == f"{kind.__name__}(room='K1', songs=('a', 'b'))"
        assert (kind.__doc__, kind.__module__, kind._fields) == ("Two fields.", __name__, ("room", "songs"))
        with pytest.raises(TypeError):
            kind()


def test_a_pattern_is_compiled_when_it_is_first_asked() -> None:
    name = pattern(r"[a-z]+(\d)")
    assert "fullmatch" not in vars(name)
    found = name.fullmatch("room7")
    assert found is not None
    assert found[1] == "7"
    assert vars(name)["fullmatch"] == re.compile(r"[a-z]+(\d)").fullmatch
    assert name.fullmatch("7") is None
