"""Claim, pairing and status at a venue."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from device.protocol.enrolment import Voucher
from provisioning import cli
from tests.provisioning.fake_lan import FakeBox, serve

VENUE = "J0131010100001Y"


@pytest.fixture
def box() -> FakeBox:
    box = FakeBox("KTV-0001")
    box.identity = {"label_code": "23456789ABCD"}
    return box


@pytest.fixture
def url(box: FakeBox) -> Iterator[str]:
    with serve(box.routes) as address:
        yield address


@pytest.fixture
def voucher(tmp_path: Path) -> Path:
    path = tmp_path / "voucher.json"
    given = Voucher(voucher="ABCD-EFGH", box="KTV-0001", venue=VENUE, secret="00" * 16, not_after_ms=1)
    path.write_bytes(given.encode())
    return path


def test_a_box_is_bound_by_its_voucher(box: FakeBox, url: str, voucher: Path) -> None:
    assert cli.main(["claim", "--voucher", str(voucher), "--url", url, "--venue", VENUE]) == 0
    assert cli.main(["claim", "--voucher", str(voucher), "--url", url]) == 0
    assert box.claims[0]["venue"] == VENUE


@pytest.mark.parametrize(
    ("typed", "code"),
    [("J0131010100001X", "VENUE_CODE_CHECK"), ("J01310101", "VENUE_CODE_FORM"), ("J0150010300176E", "VENUE_OTHER")],
)
def test_a_mistyped_venue_code_is_caught_before_the_box_is_asked(
    box: FakeBox, url: str, voucher: Path, capsys: pytest.CaptureFixture[str], typed: str, code: str
) -> None:
    assert cli.main(["claim", "--voucher", str(voucher), "--url", url, "--venue", typed]) == 1
    assert f"[{code}]" in capsys.readouterr().err
    assert box.claims == []


@pytest.mark.parametrize("raw", [b"", b"{}", b"\xff", b'{"v":2}', b"{" * 10_000])
def test_a_voucher_that_is_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], raw: bytes) -> None:
    path = tmp_path / "voucher.json"
    path.write_bytes(raw)
    assert cli.main(["claim", "--voucher", str(path), "--url", "http://127.0.0.1:9"]) == 3
    assert "[VOUCHER_FILE]" in capsys.readouterr().err


def test_a_used_voucher_is_said_in_the_fleets_words(
    box: FakeBox, url: str, voucher: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box.fails_once = {"claim"}
    assert cli.main(["claim", "--voucher", str(voucher), "--url", url, "--lang", "zh"]) == 1
    assert "中文 VOUCHER_USED [VOUCHER_USED]" in capsys.readouterr().err


def test_a_vod_server_is_paired_and_the_token_kept_private(url: str, tmp_path: Path) -> None:
    out = tmp_path / "token"
    given = ["pair", "--url", url, "--label-code", "23456789ABCD", "--vod", "main", "--out", str(out)]
    assert cli.main(given) == 0
    assert out.read_text() == "token of main\n"
    assert out.stat().st_mode & 0o777 == 0o600
    assert cli.main(["status", "--url", url, "--token", str(out)]) == 0


def test_a_wrong_label_code_is_not_allowed(url: str) -> None:
    assert cli.main(["pair", "--url", url, "--label-code", "WRONG", "--vod", "main"]) == 4


def test_without_a_token_file_the_token_is_the_result(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["pair", "--url", url, "--label-code", "23456789ABCD", "--vod", "main"]) == 0
    assert capsys.readouterr().out == "token of main\n"


@pytest.mark.parametrize("arguments", [[], ["claim"], ["ceremony", "--out", "x"], ["fly"], ["bundle"]])
def test_usage_errors_name_the_way_to_help(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "--help" in capsys.readouterr().err
