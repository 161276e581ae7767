"""What modules on the way to the first answer need of `typing`, which costs more to read in than the whole core does
(docs/adr/0014).

To mypy they are those of `typing`. To the interpreter an annotation is nothing, a Protocol is a class, and a NamedTuple
is what `collections.namedtuple` makes.
"""

from collections import namedtuple

__all__ = ["Any", "AnyStr", "NamedTuple", "Protocol", "TypeVar"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, AnyStr, NamedTuple, Protocol, TypeVar
else:

    class Any:
        """Whatever a type would be."""

    class Protocol:
        """To be followed; nobody asks an object whether it does."""

    # What a class body leaves for `type` to take away.
    _OF_THE_BODY = ("__module__", "__qualname__", "__annotations__", "__annotate_func__", "__classdictcell__")

    class _Fields(type):
        def __new__(cls, name, bases, content):
            if not bases:
                return super().__new__(cls, name, bases, content)
            fields = _annotations_of(content)
            defaults = [content.pop(field) for field in fields if field in content]
            made = namedtuple(name, fields, defaults=defaults, module=content["__module__"])
            for word, value in content.items():
                if word not in _OF_THE_BODY:
                    setattr(made, word, value)
            return made

    def _annotations_of(content):
        """Of a class body. Python 3.14 leaves there what finds them out (PEP 749), asked for values (1)."""
        find = content.get("__annotate_func__")
        return content.get("__annotations__", {}) if find is None else find(1)

    class NamedTuple(metaclass=_Fields):
        """Fields by annotation, the last of them with defaults."""

    AnyStr = Any

    def TypeVar(*_what):  # noqa: N802 - its name there
        return Any
