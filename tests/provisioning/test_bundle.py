"""Bundles: the same source gives the same bytes, and two custodians vouch for them (SPEC 13)."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import device
from device.drivers.image import SECURITY_EPOCH
from device.protocol.updates import BundleManifest
from fleet_server.repository import take_in
from provisioning import bundle, cli, clock
from provisioning.errors import ProvisioningError
from tests.fleet_server.repository.published import PublishedFleet


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "device"
    (folder / "core").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "__main__.py").write_text("def main() -> None:\n    print('a box starts')\n")
    (folder / "core" / "__init__.py").touch()
    (folder / "drivers").mkdir()
    (folder / "drivers" / "image.py").write_text("SECURITY_EPOCH = 1\n")
    return folder


@pytest.fixture
def fleet(tmp_path: Path) -> PublishedFleet:
    return PublishedFleet(tmp_path)


def build(source: Path, out: Path, version: str = "1.1.0", *more: str) -> int:
    return cli.main(["bundle", "build", "--version", version, "--source", str(source), "--out", str(out), *more])


def sign(path: Path, fleet: PublishedFleet, keys: list[Path], *more: str) -> int:
    given = [word for key in keys for word in ("--key", str(key))]
    return cli.main(["bundle", "sign", str(path), "--fleet", str(fleet.data), *given, *more])


def test_the_same_source_gives_the_same_bytes(source: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.tar", tmp_path / "second.tar"
    assert build(source, first) == build(source, second) == 0
    assert first.read_bytes() == second.read_bytes()


def test_the_image_is_a_program(source: Path, tmp_path: Path) -> None:
    image = tmp_path / "slot-a.img"
    image.write_bytes(bundle.build_image(source, "1.1.0"))
    run = subprocess.run([sys.executable, "-I", image], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout == "a box starts\n"


def test_what_a_start_reads_of_the_image_is_not_packed(source: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(bundle.build_image(source, "1.1.0"))) as image:
        packed = {Path(entry.filename).suffix: entry.compress_type for entry in image.infolist()}
    assert (packed[".pyc"], packed[".py"]) == (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def epoch_of(path: Path) -> int:
    return BundleManifest.decode(bundle.read(path).manifest).security_epoch


def test_13_5_the_security_epoch_is_that_of_the_image(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / "drivers" / "image.py").write_text('import os\n\nCHECKOUT = "0"\nSECURITY_EPOCH = 3  # raised\n')
    path = tmp_path / "bundle.tar"
    for more in ((), ("--security-epoch", "3")):
        assert build(source, path, "1.1.0", *more) == 0
        assert epoch_of(path) == 3
        path.unlink()
    for wanted in ("2", "4"):
        assert build(source, path, "1.1.0", "--security-epoch", wanted) == 1
        assert "[BUNDLE_EPOCH] the image has 3, asked for is" in capsys.readouterr().err
        assert not path.exists()


def test_13_5_the_image_of_this_checkout_says_what_the_box_compares(tmp_path: Path) -> None:
    assert build(Path(device.__file__).parent, tmp_path / "bundle.tar") == 0
    assert epoch_of(tmp_path / "bundle.tar") == SECURITY_EPOCH


@pytest.mark.parametrize("text", [None, "", "SECURITY_EPOCH = now()\n", "SECURITY_EPOCH = 'a'\n", "SECURITY ="])
def test_13_5_an_image_that_names_no_security_epoch_is_none(source: Path, tmp_path: Path, text: str | None) -> None:
    place = source / "drivers" / "image.py"
    place.unlink()
    if text is not None:
        place.write_text(text)
    with pytest.raises(ProvisioningError, match="BUNDLE_FILE"):
        bundle.security_epoch_of(_image_of(source))
    with pytest.raises(ProvisioningError, match="BUNDLE_FILE"):
        bundle.security_epoch_of(b"no image")


def _image_of(source: Path) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path in source.rglob("*.py"):
            archive.write(path, f"device/{path.relative_to(source)}")
    return out.getvalue()


def test_a_signed_bundle_is_published(source: Path, tmp_path: Path, fleet: PublishedFleet) -> None:
    path = tmp_path / "bundle.tar"
    build(source, path, "1.1.0", "--text-zh", "修复", "--text-en", "Repairs")
    assert sign(path, fleet, fleet.custodians("firmware")) == 0
    assert take_in(fleet.publisher, clock.now_ms()) == ["firmware-2"]
    found = fleet.publisher.folder.target("firmware/1.1.0/manifest.json")
    assert found is not None
    manifest = BundleManifest.decode(found.read_bytes())
    assert (manifest.version, manifest.compatible, manifest.text_zh) == ("1.1.0", "frontbox-emulated", "修复")
    assert fleet.publisher.folder.target(manifest.image.path) is not None


def test_versions_add_up_also_before_they_are_taken_in(source: Path, tmp_path: Path, fleet: PublishedFleet) -> None:
    for version in ("1.1.0", "1.2.0"):
        build(source, tmp_path / version, version)
        assert sign(tmp_path / version, fleet, fleet.custodians("firmware")) == 0
    assert sign(tmp_path / "1.2.0", fleet, fleet.custodians("firmware")) == 0, "again changes nothing"
    assert take_in(fleet.publisher, clock.now_ms()) == ["firmware-2", "firmware-3"]
    for version in ("1.1.0", "1.2.0"):
        assert fleet.publisher.folder.target(f"firmware/{version}/manifest.json") is not None


def test_a_published_version_keeps_its_contents(source: Path, tmp_path: Path, fleet: PublishedFleet) -> None:
    build(source, tmp_path / "first")
    sign(tmp_path / "first", fleet, fleet.custodians("firmware"))
    (source / "core" / "__init__.py").write_text("changed = True\n")
    build(source, tmp_path / "second")
    assert sign(tmp_path / "second", fleet, fleet.custodians("firmware")) == 1


def test_a_bundle_of_the_wrong_keys_is_not_handed_over(source: Path, tmp_path: Path, fleet: PublishedFleet) -> None:
    build(source, tmp_path / "bundle")
    assert sign(tmp_path / "bundle", fleet, fleet.custodians("catalog")) == 4
    assert take_in(fleet.publisher, clock.now_ms()) == []
    assert fleet.publisher.folder.target("firmware/1.1.0/manifest.json") is None


def test_one_custodian_is_not_enough(source: Path, tmp_path: Path, fleet: PublishedFleet) -> None:
    build(source, tmp_path / "bundle")
    assert sign(tmp_path / "bundle", fleet, [fleet.keys / "firmware-1.pem"] * 2) == 4


def test_a_signed_bundle_may_travel_as_a_file(source: Path, tmp_path: Path, fleet: PublishedFleet) -> None:
    build(source, tmp_path / "bundle")
    out = tmp_path / "signed"
    assert sign(tmp_path / "bundle", fleet, fleet.custodians("firmware"), "--out", str(out)) == 0
    assert bundle.read(out).metadata is not None


@pytest.mark.parametrize("cut", [0, 100, 512, 2_000, -1_024])
def test_a_truncated_bundle_is_named(source: Path, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "bundle"
    build(source, path)
    path.write_bytes(path.read_bytes().rstrip(b"\x00")[:cut])
    with pytest.raises(ProvisioningError) as caught:
        bundle.read(path)
    assert caught.value.code == "BUNDLE_FILE"


def test_a_flipped_bit_in_the_image_is_named(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    build(source, path)
    raw = bytearray(path.read_bytes())
    raw[2_000] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ProvisioningError) as caught:
        bundle.read(path)
    assert caught.value.code == "BUNDLE_FILE"


@pytest.mark.parametrize("version", ["", "1", "1.1", "1.1.0.0", "01.1.0", "1.1.x", "../../etc"])
def test_a_version_of_another_form_is_refused(source: Path, tmp_path: Path, version: str) -> None:
    assert build(source, tmp_path / "bundle", version) == 3
