"""What the eye can take in, and names that name something."""

import ast
import re

from tests.repository.tree import python_files, syntax, text

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
# Each of these says that nobody found the noun.
EMPTY_WORDS = {
    "common", "handler", "helper", "helpers", "manager", "misc", "service", "util", "utils", "wrapper",
}  # fmt: skip


def test_modules_are_short() -> None:
    long = {str(path): n for path in python_files() if (n := text(path).count("\n")) > MODULE_LINES_MAX}
    assert not long, f"more than {MODULE_LINES_MAX} lines: {long}; cut along a noun, never into parts 1 and 2"


def test_functions_are_short() -> None:
    long = {
        f"{path}:{node.lineno} {node.name}": lines
        for path in python_files()
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    }
    assert not long, f"more than {FUNCTION_LINES_MAX} lines: {long}; name the steps"


def empty_words(name: str) -> set[str]:
    """The words of a module or class name that say nothing."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    is_base = name == "base" or words[:1] == ["Base"]
    return ({word.lower() for word in words} & EMPTY_WORDS) | ({"base"} if is_base else set())


def test_names_say_something() -> None:
    names = [(str(path), path.stem) for path in python_files()]
    names += [
        (f"{path}:{node.lineno}", node.name)
        for path in python_files()
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.ClassDef)
    ]
    empty = {f"{place} {name}": words for place, name in names if (words := empty_words(name))}
    assert not empty, f"{empty}: find the noun (what it holds) or the verb (what it does)"


def test_the_words_are_found_inside_names() -> None:
    assert empty_words("LockManager") == {"manager"}
    assert empty_words("string_utils") == {"utils"}
    assert empty_words("BaseDriver") == {"base"}
    assert not empty_words("CatalogBase")
    assert not empty_words("Database")
    assert not empty_words("services")
