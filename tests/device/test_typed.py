"""What stands for `typing` and `re.compile` on the way to the first answer means the same."""

import re
import typing
from typing import Any

import pytest

from device import typed
from device.patterns import pattern


def rooms(base: Any) -> Any:
    class Room(base):  # type: ignore[misc]  # of whichever base is compared
        """Two fields."""

        room: str
        songs: tuple[str, ...] = ()

        @property
        def length(self) -> int:
            return len(self.songs)

        @classmethod
        def empty(cls) -> "Room":
            return cls("K1")

    return Room


@pytest.mark.parametrize("base", [typed.NamedTuple, typing.NamedTuple])
def test_a_named_tuple_is_that_of_typing(base: Any) -> None:
    kind = rooms(base)
    made = kind("K1", ("a", "b"))
    assert (made.room, made.songs, made.length, kind.empty()) == ("K1", ("a", "b"), 2, ("K1", ()))
    assert made == kind(room="K1", songs=("a", "b")) == ("K1", ("a", "b"))
    assert (made._replace(room="K2").room, made._asdict()["songs"]) == ("K2", ("a", "b"))
    assert repr(made) == "Room(room='K1', songs=('a', 'b'))"
    assert (kind.__doc__, kind.__module__, kind._fields) == ("Two fields.", __name__, ("room", "songs"))
    with pytest.raises(TypeError):
        kind()


def test_a_named_tuple_is_the_same_where_annotations_wait_for_who_asks() -> None:
    """What the body of a class leaves in Python 3.14 (PEP 749)."""
    content = {
        "__module__": __name__,
        "__qualname__": "Later",
        "__classdictcell__": object(),
        "__annotate_func__": lambda form: {"room": str, "songs": tuple} if form == 1 else None,
        "songs": ("a",),
    }
    base: Any = typed.NamedTuple
    later = type(base)("Later", (base,), content)
    assert later("K1")._asdict() == {"room": "K1", "songs": ("a",)}
    assert set(vars(later)).isdisjoint({"__annotate_func__", "__classdictcell__"})


def test_a_pattern_is_compiled_when_it_is_first_asked() -> None:
    name = pattern(r"[a-z]+(\d)")
    assert "fullmatch" not in vars(name)
    found = name.fullmatch("room7")
    assert found is not None
    assert found[1] == "7"
    assert vars(name)["fullmatch"] == re.compile(r"[a-z]+(\d)").fullmatch
    assert name.fullmatch("7") is None
