"""Rules about lines of any file: what is unfinished, hidden or bound to one machine."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.repository.tree import ROOT, lines, python_files, text_files

# Names that stand for no real host (RFC 2606, RFC 6761, RFC 6762), addresses of documentation and of this
# machine, XML namespaces, and variables.
_NO_HOST = re.compile(
    r"localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[?::1\]?|10\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+"
    r"|192\.0\.2\.\d+|198\.51\.100\.\d+|203\.0\.113\.\d+"
    r"|([\w-]+\.)*(example|test|invalid|local|localhost)(\.(com|org|net|cn))?"
    r"|www\.w3\.org|[\w-]+|\W.*|"
)
_ADDRESS = re.compile(r"\b(?:https?|wss?|mqtts?|nats|tls|ftp)://(?:[^\s/@\"'`]*@)?([^\s/:?#\"'`)>\]|,;]*)")
_LICENCES = {Path("LICENSE")}

# Folders that every Linux has; anything else at the root of this machine is its own.
_EVERY_LINUX = {"bin", "boot", "dev", "etc", "home", "lib", "mnt", "opt", "run", "srv", "tmp", "usr", "var"}
_UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
_SILENCED = re.compile(r"#\s*(?:noqa|type: ignore|pragma: no (?:cover|branch)|nosec)\b(?P<rest>.*)")
_REASON = re.compile(r"(?:\[[\w, -]+\]|:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?\s*[-#(:,]*\s*\w+\W+\w+")


THIS = Path(__file__).relative_to(ROOT)  # plants what its rules find


def machine_path(checkout: Path) -> re.Pattern[str]:
    """Paths of somebody's home, and of the place where this checkout lies."""
    first = checkout.parts[1]
    place = f"/{first}" if first not in _EVERY_LINUX else checkout.as_posix()
    return re.compile(rf"(?<![\w.>}})-])(?:{re.escape(place)}|/root|/home/\w+|/Users/\w+)/")


def is_silenced_without_reason(line: str) -> bool:
    found = _SILENCED.search(line)
    return found is not None and _REASON.match(found["rest"]) is None


def outside_hosts(line: str) -> list[str]:
    return [host for host in _ADDRESS.findall(line) if not _NO_HOST.fullmatch(host)]


def offences(is_offence: Callable[[str], object], paths: Iterable[Path] | None = None) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:120]}"
        for path in (text_files() if paths is None else paths)
        if path != THIS
        for number, line in lines(path)
        if is_offence(line)
    ]


def test_nothing_is_left_unfinished() -> None:
    found = offences(_UNFINISHED.search)
    assert not found, f"{found}: do it, or file it as an issue with an owner"


def test_no_path_of_one_machine() -> None:
    found = offences(machine_path(ROOT).search)
    assert not found, f"{found}: paths come from settings or from the place of the file"


def test_no_address_outside() -> None:
    found = offences(outside_hosts, (path for path in text_files() if path not in _LICENCES))
    assert not found, f"{found}: ship it, make it a setting, or name the document without its address"


def test_a_silenced_check_gives_its_reason() -> None:
    found = offences(is_silenced_without_reason, python_files())
    assert not found, f"{found}: write `# noqa: S310 - the scheme was checked above`"


@pytest.mark.parametrize(
    ("line", "is_bare"),
    [
        ("x = 1  # noqa", True),
        ("x = 1  # noqa: S310", True),
        ("x = 1  # noqa: S310 - the scheme was checked above", False),
        ("x = 1  # noqa: S310, B904 - the scheme was checked above", False),
        ("x = 1  # type: ignore[arg-type]", True),
        ("x = 1  # type: ignore[arg-type]  # the stub is wrong", False),
        ("x = 1  # pragma: no cover", True),
        ("x = 1  # pragma: no cover - only on a board", False),
        ("x = 1  # plain talk", False),
    ],
)
def test_a_reason_is_told_from_a_code(line: str, is_bare: bool) -> None:
    assert is_silenced_without_reason(line) is is_bare


@pytest.mark.parametrize(
    ("line", "hosts"),
    [
        ("see https://packages.somewhere.io/simple", ["packages.somewhere.io"]),
        ("mqtts://broker.vendor.cn:8883", ["broker.vendor.cn"]),
        ("https://fleet.example:8443/api", []),
        ("http://127.0.0.1:8080/ http://localhost/ http://[::1]:80/", []),
        ("f'http://{host}:{port}/'", []),
        ("nats://broker:4222", []),
        ("no address at all", []),
    ],
)
def test_hosts_are_told_from_examples(line: str, hosts: list[str]) -> None:
    assert outside_hosts(line) == hosts


def test_machine_paths_are_told_from_others() -> None:
    pattern = machine_path(Path("/projects/frontbox"))
    assert pattern.search("cd /projects/elsewhere")
    assert pattern.search("open('/root/.cache')")
    assert pattern.search("PYTHON=/home/anna/bin/python3")
    assert not pattern.search("metadata/root/1.json and /var/lib/projects/1")
    assert machine_path(Path("/tmp/checkout")).search("/tmp/checkout/device")
    assert not machine_path(Path("/tmp/checkout")).search("/tmp/other")
