"""Listening sockets, and ports that were chosen once and are kept.

Boxes hold the fleet's address for years, so a port of 0 in the settings is chosen at the first start and
written to DIR/ports.json; later starts take the same one.
"""

import json
import socket
from pathlib import Path


class PortError(Exception):
    """An address cannot be used; the message fits one line."""


def listen(data: Path, name: str, host: str, port: int) -> socket.socket:
    """A bound socket for `name` (`console`, `box`). Raises PortError."""
    wanted = port or _kept(data).get(name, 0)
    try:
        bound = _bind(host, wanted)
    except OSError as error:
        raise PortError(f"{name}: cannot listen on {host} port {wanted}: {error.strerror}") from error
    _keep(data, name, bound.getsockname()[1])
    return bound


def choose(data: Path, name: str, host: str, port: int) -> int:
    """The port for a program of its own that binds by itself (`mqtt`). Raises PortError."""
    with listen(data, name, host, port) as bound:
        return int(bound.getsockname()[1])


def kept(data: Path, name: str, port: int) -> int:
    """The port of `name`: as set, or as chosen before."""
    return port or _kept(data)[name]


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def _kept(data: Path) -> dict[str, int]:
    path = data / "ports.json"
    if not path.exists():
        return {}
    return {str(name): int(port) for name, port in json.loads(path.read_text()).items()}


def _keep(data: Path, name: str, port: int) -> None:
    kept = {**_kept(data), name: port}
    temporary = data / ".ports.json.new"
    temporary.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    temporary.replace(data / "ports.json")
