"""The command line against a running server: data and talk apart, exit codes, both languages, no prompts."""

import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from fleet_server.cli import main
from tests.fleet_server.boxes.builders import FactoryBox, a_factory
from tests.fleet_server.conftest import PASSWORD
from tests.fleet_server.programs import FleetProgram

pytestmark = pytest.mark.hil

VENUE = (
    "venue add --region 310101 --name 星光KTV --address 南京东路1号 --credit-code 91110000600037341L "
    "--licence 310101160001 --rooms 12"
)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def server(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a fleet server of its own."""
    data = shutil.copytree(founded, tmp_path_factory.mktemp("cli") / "fleet")
    (data / "fleet.toml").write_text("console_port = 0\nbox_port = 0\nmqtt_port = 0\n")
    with FleetProgram(data) as program:
        program.wait_until_serving()
        yield f"http://localhost:{json.loads((data / 'ports.json').read_text())['console']}"


@pytest.fixture
def run(server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run one command as `who`; returns exit code, standard output, standard error."""
    (tmp_path / "password").write_text(PASSWORD + "\n")

    def command(words: str, who: str = "admin", stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setenv("FRONTBOX_SESSION", str(tmp_path / f"{who}.session"))
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        try:
            code = main([word.replace("DIR", str(tmp_path)).replace("URL", server) for word in words.split()])
        except SystemExit as ended:
            code = int(ended.code or 0)
        return code, *capsys.readouterr()

    assert command("sign-in admin --server URL --password-file DIR/password")[0] == 0
    return command


@pytest.fixture
def operator(run: Run) -> str:
    """An operator of the whole country, signed in as `op`; the server lives on, so again is the same."""
    run("person add op --name Op --region 000000")
    run("person grant op operator 000000")
    run("account add op --person op --password-file DIR/password")
    assert run("sign-in op --server URL --password-file DIR/password", "op")[0] == 0
    return "op"


def test_a_venue_gets_its_code_and_is_shown(run: Run, operator: str) -> None:
    code, out, _ = run(f"{VENUE} --output json", operator)
    venue = json.loads(out)["venue"]
    assert (code, venue) == (0, "J0131010100001Y")
    code, out, err = run(f"venue show {venue} --lang zh", operator)
    assert (code, err) == (0, "")
    assert "场所编码" in out
    assert "星光KTV" in out


def test_a_box_is_registered_and_gets_one_voucher_file(run: Run, operator: str, tmp_path: Path) -> None:
    venue = json.loads(run(f"{VENUE} --output json", operator)[1])["venue"]
    certificate = x509.load_der_x509_certificate(FactoryBox("KTV-CLI1", a_factory()).idevid)
    (tmp_path / "idevid.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    assert run("box add --certificate DIR/idevid.pem", operator)[0] == 0
    code, out, _ = run(f"box voucher KTV-CLI1 {venue} --out DIR/voucher.json", operator)
    voucher = json.loads((tmp_path / "voucher.json").read_text())
    assert (code, voucher["box"], len(voucher["secret"])) == (0, "KTV-CLI1", 32)
    assert voucher["secret"] not in out
    assert (tmp_path / "voucher.json").stat().st_mode & 0o077 == 0
    assert run(f"box voucher KTV-CLI1 {venue} --out DIR/voucher.json", operator)[0] == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("venue show J0131010100001X", 1, "VENUE_CODE_CHECK"),
        ("venue show J0150010300176E", 3, "NOT_FOUND"),
        ("box show KTV-NONE", 3, "NOT_FOUND"),
        ("person list", 4, "NOT_PERMITTED"),
        ("venue", 2, "VERB"),
        ("venue list --nmae x", 2, "--nmae"),
        ("venue list --limit many", 2, "--limit"),
        ("venue list --server http://127.0.0.1:1", 8, "OFFLINE"),
        ("box add --certificate DIR/none.pem", 1, "FILE_UNREADABLE"),
    ],
)
def test_each_way_to_fail_has_its_exit_code(run: Run, operator: str, words: str, code: int, said: str) -> None:
    ended, out, err = run(words, operator)
    assert (ended, out) == (code, "")
    assert said in err
    assert "Traceback" not in err


def test_without_a_session_signing_in_is_asked_for(run: Run) -> None:
    code, _, err = run("venue list --lang zh", "nobody")
    assert (code, err) == (4, "SIGN_IN_NEEDED: 请先登录：frontbox-fleet sign-in\n")


def test_a_password_comes_from_standard_input_or_is_named_as_missing(run: Run) -> None:
    assert run("sign-in admin --server URL", stdin=PASSWORD + "\n")[0] == 0
    code, _, err = run("sign-in admin --server URL")
    assert (code, "--password-file" in err) == (2, True)
    assert run("sign-in admin --server URL", stdin="wrong\n")[0] == 4


def test_the_session_file_is_the_owners_alone_and_goes_with_signing_out(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "admin.session"
    assert path.stat().st_mode & 0o077 == 0
    assert run("sign-out")[0] == 0
    assert not path.exists()


def test_the_audit_chain_is_verified_here_and_a_noted_head_must_be_in_it(run: Run) -> None:
    code, out, _ = run("audit verify --output json")
    head = json.loads(out)["head"]
    assert code == 0
    run("whoami")
    assert run(f"audit verify --head {head}")[0] == 0
    n, _, chain = head.partition(":")
    assert run(f"audit verify --head {n}:{'0' * len(chain)}")[0] == 1


def test_every_verb_explains_itself_with_examples_in_both_languages(run: Run) -> None:
    for lang, word in (("en", "examples:"), ("zh", "例：")):
        listing = run(f"--help --lang {lang}")[1]
        for noun in ("init", "serve", "sign-in", "person", "venue", "box", "region", "audit"):
            assert noun in listing
        for verb in ("venue add", "box voucher", "person grant", "region show", "init"):
            code, out, _ = run(f"{verb} --help --lang {lang}")
            assert (code, word in out) == (0, True)
            assert f"frontbox-fleet {verb}" in out
