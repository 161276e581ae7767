"""The command line starts fast: a verb waits for its own module and for no library of the server."""

import subprocess
import sys

import pytest

from fleet_server.cli import people
from fleet_server.cli.main import MODULES
from fleet_server.people.roles import Role

HEAVY = {"sqlalchemy", "fastapi", "alembic"}
ON_THE_SERVER = {"init", "serve", "audit"}


@pytest.mark.parametrize("command", sorted(set(MODULES) - ON_THE_SERVER))
def test_a_verb_loads_no_library_of_the_server(command: str) -> None:
    program = (
        "import contextlib, io, sys\nfrom fleet_server.cli import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        f"    main([{command!r}, '--help'])\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_roles_of_the_command_line_are_those_of_the_table() -> None:
    assert {role.value for role in Role} == set(people.ROLES)
