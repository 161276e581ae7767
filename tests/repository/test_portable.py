"""device/protocol and device/core keep to what MicroPython has."""

import ast

import pytest

from tests.repository.portable import offences
from tests.repository.tree import PORTABLE, python_files, syntax


def test_the_portable_packages_keep_to_the_subset() -> None:
    found = [
        f"{path}:{line} {complaint}" for path in python_files(*PORTABLE) for line, complaint in offences(syntax(path))
    ]
    assert not found, f"{found}: these packages run on MicroPython and decide without input or output"


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "import dataclasses",
        "from __future__ import annotations",
        "from collections import Counter",
        "from . import errors",
        "import hmac",
        "match x:\n    case 1: pass",
        "def f(x, /): pass",
        "async def f(): pass",
        "with open(p) as f: pass",
        "class A(metaclass=B): pass",
        "class A:\n    def __init_subclass__(cls): pass",
        "f.__annotations__",
        "x = {**a}",
        "x = [*a, *b]",
        "Alias = list[int]",
        "x = isinstance(y, int | None)",
        "x = f'{n}'.zfill(5)",
        "x = n.bit_length()",
        "x = sha256(b).hexdigest()",
        "x = name.removeprefix('a')",
        "x = n.to_bytes(4, byteorder='big')",
        "x = json.dumps(d, sort_keys=True)",
        "x = struct.Struct('>I')",
        "x = zip(a, b, strict=True)",
        "x = b[::-1]",
        "del buffer[:4]",
        "raise A('x') from error",
        "open('x')",
        "if TYPE_CHECKING:\n    pass\nelse:\n    import enum",
    ],
)
def test_what_micropython_lacks_is_found(source: str) -> None:
    assert offences(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    [
        "import hashlib, struct, json, binascii",
        "from collections import namedtuple",
        "from device.protocol.errors import MalformedError",
        "if TYPE_CHECKING:\n    from typing import Any\n    Alias = list[int] | None",
        "def f(x: int | None, *, y: list[int]) -> dict[str, int]: ...",
        "limits: dict[str, int] = {}",
        "first, *rest = parts",
        "f(*parts)",
        "merged = a | b",
        "flags = READ | WRITE",
        "x = n.to_bytes(4, 'big')",
        "x = json.dumps(d, separators=(',', ':'))",
        "x = digest.hex()",
        "x = f'{n:05d} {y!r} {z=}'",
        "x = b[4:8]",
        "del table[key]",
        "raise A('x')",
        "if (n := len(raw)) > 3: pass",
    ],
)
def test_what_micropython_has_is_not(source: str) -> None:
    assert not offences(ast.parse(source))
