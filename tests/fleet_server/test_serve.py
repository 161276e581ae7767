"""The program: both servers, one reason in one line where it cannot start, clean end, same ports again."""

import json
import ssl
from pathlib import Path

import httpx
import pytest

from tests.fleet_server.programs import FleetProgram, taken_port

pytestmark = pytest.mark.hil


@pytest.fixture
def free_ports(data: Path) -> Path:
    """A data directory whose server chooses its ports."""
    (data / "fleet.toml").write_text("console_port = 0\nbox_port = 0\nmqtt_port = 0\n")
    return data


def ports(data: Path) -> dict[str, int]:
    return dict(json.loads((data / "ports.json").read_text()))


def context(data: Path, most: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(data / "keys" / "fleet-ca.pem"))
    made.maximum_version = most
    return made


def test_people_and_boxes_are_served_until_told_to_stop(free_ports: Path) -> None:
    with FleetProgram(free_ports) as program:
        program.wait_until_serving()
        kept = ports(free_ports)
        console = httpx.get(f"http://localhost:{kept['console']}/api/v1/session")
        assert console.json()["code"] == "SIGN_IN_NEEDED"
        for host in ("localhost", "127.0.0.1"):
            url = f"https://{host}:{kept['box']}/tuf/metadata/none.json"
            assert httpx.get(url, verify=context(free_ports)).status_code == 404
        with pytest.raises(httpx.ConnectError):
            httpx.get(url, verify=context(free_ports, ssl.TLSVersion.TLSv1_2))
        assert program.stop() == 0
        assert not program.has_children()
    assert ports(free_ports) == kept


def test_killed_and_started_again_it_is_found_where_it_was(free_ports: Path) -> None:
    with FleetProgram(free_ports) as program:
        program.wait_until_serving()
        kept = ports(free_ports)
        program.kill()
    with FleetProgram(free_ports) as program:
        program.wait_until_serving()
        url = f"http://localhost:{kept['console']}/api/v1/session"
        assert httpx.get(url).status_code == 401
        with FleetProgram(free_ports) as second:
            assert second.wait() == 1
            assert "another fleet server runs on it" in second.lines[-1]
        assert httpx.get(url).status_code == 401


@pytest.mark.parametrize("name", ["console", "box", "mqtt"])
def test_a_taken_port_is_the_reason_in_one_line(data: Path, name: str) -> None:
    with taken_port() as taken:
        chosen = dict.fromkeys(("console", "box", "mqtt"), 0) | {name: taken.getsockname()[1]}
        (data / "fleet.toml").write_text("".join(f"{one}_port = {port}\n" for one, port in chosen.items()))
        with FleetProgram(data) as program:
            assert program.wait() == 1
            (line,) = program.lines
            assert f"{name}: cannot listen on 127.0.0.1 port {chosen[name]}" in line


def test_settings_that_are_not_right_are_named_in_one_line(data: Path) -> None:
    (data / "fleet.toml").write_text("consol_port = 1\n")
    with FleetProgram(data) as program:
        assert program.wait() == 2
    (line,) = program.lines
    assert "fleet.toml: consol_port: no such setting; console_port?" in line


def test_a_damaged_database_is_named_in_one_line(data: Path) -> None:
    (data / "fleet.db").write_bytes(b"x" * 10_000)
    with FleetProgram(data) as program:
        assert program.wait() == 1
        (line,) = program.lines
        assert "fleet.db: file is not a database" in line


def test_an_empty_directory_is_no_fleet(tmp_path: Path) -> None:
    with FleetProgram(tmp_path) as program:
        assert program.wait() == 1
    assert "frontbox-fleet init" in program.lines[-1]
