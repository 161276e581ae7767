"""Rules that need the syntax tree: time, errors, sleeps, skips and who imports whom."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.repository.tree import PROGRAMS, python_files, syntax, text

TIME_READERS = {
    "time": {
        "time",
        "time_ns",
        "monotonic",
        "monotonic_ns",
        "perf_counter",
        "perf_counter_ns",
        "clock_gettime",
    },
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}
TESTS = ("tests", "hil_tests")
CONTRACT = ("device.protocol", "device.crypto")


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str, str]]:
    """Each call `owner.name(...)` or `name(...)` with the last two parts of what is called."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            yield node, "", node.func.id
        elif isinstance(node.func, ast.Attribute):
            owner = node.func.value
            last = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            yield node, last, node.func.attr


def time_readings(tree: ast.AST) -> list[int]:
    """Lines that read the time of the machine, called or imported by name."""
    found = [node.lineno for node, owner, name in calls(tree) if name in TIME_READERS.get(owner, ())]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [node.lineno for alias in node.names if alias.name in TIME_READERS["time"]]
    return found


def is_clock(path: Path) -> bool:
    return "clock" in path.stem.split("_")


def test_only_clocks_read_time() -> None:
    found = [
        f"{path}:{line}"
        for path in python_files(*PROGRAMS)
        if not is_clock(path)
        for line in time_readings(syntax(path))
    ]
    assert not found, f"{found}: take `now_ms` as an argument, or a clock; only modules named clock read time"


def test_readings_of_time_are_found() -> None:
    source = "from time import monotonic\nx = time.time()\ny = datetime.datetime.now(UTC)\nz = time.gmtime(0)\n"
    assert sorted(time_readings(ast.parse(source))) == [1, 2, 3]


def test_tests_do_not_sleep() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path in python_files(*TESTS)
        for node, owner, name in calls(syntax(path))
        if (owner, name) == ("time", "sleep")
    ]
    assert not found, f"{found}: wait for the event, with a limit; a sleep is too long or too short"


def broad_catches(source: str) -> list[int]:
    """Lines that catch everything and say nowhere why: not on the line, not on the next."""
    rows = source.splitlines()
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        names = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type else {""}
        said = "".join(row.partition("#")[2] for row in rows[node.lineno - 1 : node.lineno + 1])
        said = said.replace("noqa: BLE001", "").strip(" -")
        if names & {"", "Exception", "BaseException"} and len(said.split()) < 3:
            found.append(node.lineno)
    return found


def test_catching_everything_needs_a_reason() -> None:
    found = [f"{path}:{line}" for path in python_files() for line in broad_catches(text(path))]
    assert not found, f"{found}: catch the narrow error where something can be done, or say why in a comment"


def test_broad_catches_are_found() -> None:
    tried = "try:\n    go()\n"
    assert broad_catches(tried + "except Exception:\n    pass\n") == [3]
    assert broad_catches(tried + "except (ValueError, BaseException):\n    pass\n") == [3]
    assert broad_catches(tried + "except:\n    raise\n") == [3]
    assert not broad_catches(tried + "except Exception:  # the supervisor restarts it\n    stop()\n")
    assert not broad_catches(tried + "except ValueError:\n    pass\n")


def skips_without_reason(tree: ast.AST) -> list[int]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            marker, keywords = node.func.attr, {keyword.arg for keyword in node.keywords}
            owner = getattr(node.func.value, "attr", getattr(node.func.value, "id", ""))
            says = "reason" in keywords or (marker == "skip" and bool(node.args))
            if marker in {"skip", "skipif", "xfail"} and owner in {"pytest", "mark"} and not says:
                found.append(node.lineno)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            # `@pytest.mark.skip` without a call has no place for a reason.
            found += [
                decorator.lineno
                for decorator in node.decorator_list
                if isinstance(decorator, ast.Attribute) and decorator.attr in {"skip", "xfail"}
            ]
    return found


def test_a_skipped_test_says_why() -> None:
    found = [f"{path}:{line}" for path in python_files(*TESTS) for line in skips_without_reason(syntax(path))]
    assert not found, f"{found}: name what is missing, so that a reader of the run can install it"


def test_skips_without_reason_are_found() -> None:
    source = """
pytest.skip()
pytest.skip("nft is missing")
@pytest.mark.skip
def f(): ...
@pytest.mark.skipif(not NFT)
def g(): ...
@pytest.mark.skipif(not NFT, reason="nft is missing")
def h(): ...
"""
    assert sorted(skips_without_reason(ast.parse(source))) == [2, 4, 6]


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def test_the_server_and_the_tools_see_only_the_contract_of_the_box() -> None:
    found = [
        f"{path}:{line} {name}"
        for path in python_files("fleet_server", "provisioning")
        for line, name in imported(syntax(path))
        if name.split(".")[0] == "device" and not name.startswith(CONTRACT)
    ]
    assert not found, f"{found}: only {CONTRACT} are shared; talk to the box over its interfaces instead"
