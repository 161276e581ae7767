"""Is this request body sound JSON? The rules of SPEC 2.2 at the speed of the standard library.

The codec of the protocol reads one character at a time, which is right for documents of boxes and would let strangers
busy this server with bodies. What both refuse: duplicate names, fractions, NaN, integers beyond ±(2^53 - 1), invalid
UTF-8, lone surrogates, raw control characters, deep nesting, anything after the object.
"""

import json
from typing import Any, NoReturn

from device.protocol.limits import DEPTH_MAX, INTEGER_MAX

_INTEGER_CHARS_MAX = len(str(-INTEGER_MAX))


class UnsoundJsonError(ValueError):
    """The message says what is wrong, for engineers."""


def require_sound_json(raw: bytes) -> None:
    """Raises UnsoundJsonError."""
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
        # A lone surrogate passes as an escape and has no UTF-8.
        if b"\\u" in raw:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError as error:
        raise UnsoundJsonError("nested too deep") from error
    except ValueError as error:  # of the decoder, of the hooks below, and of UTF-8
        raise UnsoundJsonError(str(error)) from error
    if not isinstance(value, dict):
        raise UnsoundJsonError("a body is an object")
    _require_shallow(value)


def _require_shallow(value: Any) -> None:
    level, depth = [value], 0
    while level := [inner for outer in level if isinstance(outer, dict | list) for inner in _inside(outer)]:
        depth += 1
        if depth > DEPTH_MAX:
            raise UnsoundJsonError(f"nested deeper than {DEPTH_MAX}")


def _inside(container: dict[str, Any] | list[Any]) -> list[Any]:
    return list(container.values()) if isinstance(container, dict) else container


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnsoundJsonError("a name stands twice in one object")
    return found


def _integer(text: str) -> int:
    if len(text) > _INTEGER_CHARS_MAX or abs(int(text)) > INTEGER_MAX:
        raise UnsoundJsonError("an integer is out of range")
    return int(text)


def _no_such_number(text: str) -> NoReturn:
    raise UnsoundJsonError(f"{text[:20]} is no integer")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_no_such_number, parse_constant=_no_such_number
)
