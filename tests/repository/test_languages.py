"""What people read stands there in Chinese and in English."""

import ast
import re
from collections.abc import Iterator

from tests.repository.tree import PROGRAMS, python_files, syntax

_CHINESE = re.compile(r"[\u3400-\u9fff]")


def pairs(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Line, Chinese and English of every pair of sentences that is a value of a dict."""
    for node in ast.walk(tree):
        for value in node.values if isinstance(node, ast.Dict) else []:
            if isinstance(value, ast.Tuple) and len(value.elts) == 2:
                zh, en = (part.value if isinstance(part, ast.Constant) else None for part in value.elts)
                if isinstance(zh, str) and isinstance(en, str) and _CHINESE.search(zh + en):
                    yield value.lineno, zh, en


def is_translated(zh: str, en: str) -> bool:
    return bool(_CHINESE.search(zh) and en.strip() and not _CHINESE.search(en))


def test_every_message_is_there_in_both_languages() -> None:
    found = [
        f"{path}:{line} {(zh, en)}"
        for path in python_files(*PROGRAMS)
        for line, zh, en in pairs(syntax(path))
        if not is_translated(zh, en)
    ]
    assert not found, f"{found}: write (Chinese, English), in this order"


def test_a_missing_translation_is_found() -> None:
    def judge(source: str) -> list[bool]:
        return [is_translated(zh, en) for _, zh, en in pairs(ast.parse(source))]

    assert judge("{'A': ('已锁定', 'Locked')}") == [True]
    assert judge("{'A': ('已锁定', '')}") == [False]
    assert judge("{'A': ('Locked', '已锁定')}") == [False]
    assert judge("{'A': ('one', 'two'), 'B': '已锁定'}") == []
