"""The key ceremony and what it hands to the fleet server (SPEC 5)."""

import re
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root

from device.crypto.p256 import SigningKey
from device.protocol.policy import AuthorityPolicy
from fleet_server.repository import Publisher, RepositoryFolder, take_in
from provisioning import ceremony, handover, key_files, trust_root
from provisioning.errors import ProvisioningError
from provisioning.people import read_people
from tests.provisioning.fleet_folder import NOW_MS, PEOPLE, a_fleet_folder, a_people_file


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    return a_fleet_folder(tmp_path / "fleet")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "ceremony"


def hold(out: Path, fleet: Path, text: str = PEOPLE) -> ceremony.Outcome:
    return ceremony.hold(out, fleet, read_people(a_people_file(out.parent, text)), NOW_MS)


def test_the_people_file_of_the_operators_page_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operator.md").read_text(encoding="utf-8")
    block = page[page.index("[[person]]") :].partition("```")[0]
    people = read_people(a_people_file(tmp_path, block))
    assert [officer.person for officer in people.officers] == ["zhang.wei"]
    found = re.search(r"else\n([0-9, ]+) and ([0-9,]+)\.", page)
    assert found, "what a level may without a limit of its own"
    said = [int(number.replace(",", "")) for number in [*found[1].split(", "), found[2]]]
    assert said == [limit.venues_max for limit in sorted(people.limits, key=lambda limit: limit.level)]


def publisher_of(fleet: Path) -> Publisher:
    return Publisher(RepositoryFolder(fleet / "tuf"), fleet / "keys")


def test_a_ceremony_makes_keys_root_and_policy_that_the_server_publishes(out: Path, fleet: Path) -> None:
    outcome = hold(out, fleet)
    publisher = publisher_of(fleet)
    assert take_in(publisher, NOW_MS) == ["ceremony"]
    assert publisher.folder.versions() == {"targets": 1, "policy": 1, "catalog": 1, "firmware": 1}
    path = publisher.folder.target("policy/authority.json")
    assert path is not None
    policy = AuthorityPolicy.decode(path.read_bytes())
    assert [person.person for person in policy.persons] == ["zhang.san", "li.si"]
    assert {service.use for service in policy.services} == {"lease", "ack", "rollout"}
    assert policy.epoch == outcome.policy_epoch == 1
    assert (out / "root-1.pem").stat().st_mode & 0o777 == 0o600


def test_a_finished_ceremony_run_again_changes_nothing(out: Path, fleet: Path) -> None:
    first = hold(out, fleet)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    again = hold(out, fleet)
    assert again.made == ()
    assert again.root_sha256 == first.root_sha256
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_ceremony_that_was_cut_short_goes_on(out: Path, fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("provisioning.handover.hand_over", cut)
        with pytest.raises(KeyboardInterrupt):
            hold(out, fleet)
    outcome = hold(out, fleet)
    assert outcome.made == ()
    assert take_in(publisher_of(fleet), NOW_MS) == ["ceremony"]


def test_another_root_for_the_same_fleet_is_refused(out: Path, fleet: Path, tmp_path: Path) -> None:
    hold(out, fleet)
    take_in(publisher_of(fleet), NOW_MS)
    with pytest.raises(ProvisioningError) as caught:
        hold(tmp_path / "other", fleet)
    assert caught.value.code == "CEREMONY_OTHER_ROOT"


def test_a_fleet_without_keys_is_named(out: Path, tmp_path: Path) -> None:
    with pytest.raises(ProvisioningError) as caught:
        hold(out, tmp_path)
    assert caught.value.code == "FLEET_NOT_READY"


def test_a_root_with_one_key_under_two_ids_is_not_signed() -> None:
    """5.1: the libraries of TUF would count it twice."""
    key = SigningKey.generate()
    twice = [key_files.tuf_signer(key), key_files.tuf_signer(key)]
    other = CryptoSigner(key.private)  # the id that securesystemslib makes
    online = [key_files.tuf_signer(SigningKey.generate()) for _ in range(2)]
    with pytest.raises(ProvisioningError) as caught:
        trust_root.build_root([twice[0], other], online[0], online[1], NOW_MS)
    assert caught.value.code == "ROOT_DUPLICATE_KEY"


def test_a_root_with_one_key_under_two_ids_is_detected_on_reading(out: Path, fleet: Path) -> None:
    key = SigningKey.generate()
    online = key_files.tuf_signer(SigningKey.generate())
    root = Root(consistent_snapshot=True)
    signers = [key_files.tuf_signer(key), CryptoSigner(key.private)]
    for signer in signers:
        for role in ("root", "targets"):
            root.add_key(signer.public_key, role)
    for role in ("snapshot", "timestamp"):
        root.add_key(online.public_key, role)
    root.roles["root"].threshold = 2
    metadata = Metadata(root)
    for signer in signers:
        metadata.sign(signer, append=True)
    # TUF itself is content: this is the gap.
    root.verify_delegate("root", metadata.signed_bytes, metadata.signatures)
    out.mkdir()
    (out / "root.json").write_bytes(metadata.to_bytes())
    with pytest.raises(ProvisioningError) as caught:
        ceremony.require_root(out / "root.json")
    assert caught.value.code == "ROOT_DUPLICATE_KEY"


def test_a_policy_update_raises_the_epoch_and_is_published(out: Path, fleet: Path) -> None:
    hold(out, fleet)
    publisher = publisher_of(fleet)
    take_in(publisher, NOW_MS)
    text = PEOPLE + '[[person]]\nperson = "wang.wu"\nname = "王五"\nregion = "440106"\nmay = ["stop"]\n'
    people = read_people(a_people_file(out.parent, text))
    keys = [out / "policy-1.pem", out / "policy-3.pem"]
    outcome = ceremony.update_policy(out, fleet, people, keys, NOW_MS + 1)
    assert outcome.policy_epoch == 2
    assert (out / "officers" / "wang.wu.pem").exists()
    assert take_in(publisher, NOW_MS + 2) == ["policy-2"]
    assert publisher.folder.versions()["policy"] == 2
    assert ceremony.update_policy(out, fleet, people, keys, NOW_MS + 3).made == ()


@pytest.mark.parametrize("names", [("policy-1", "policy-1"), ("policy-1",)])
def test_a_policy_update_needs_two_different_keys(out: Path, fleet: Path, names: tuple[str, ...]) -> None:
    hold(out, fleet)
    people = read_people(a_people_file(out.parent, PEOPLE + "[rules]\ncut_song_s = 30\n"))
    with pytest.raises(ProvisioningError) as caught:
        ceremony.update_policy(out, fleet, people, [out / f"{name}.pem" for name in names], NOW_MS)
    assert caught.value.code == "THRESHOLD_SHORT"


def test_a_policy_signed_by_other_custodians_is_set_aside_by_the_server(out: Path, fleet: Path) -> None:
    hold(out, fleet)
    publisher = publisher_of(fleet)
    take_in(publisher, NOW_MS)
    policy = (out / "policy.json").read_bytes()
    wrong = [key_files.tuf_signer(key_files.load(out / f"catalog-{number}.pem")) for number in (1, 2)]
    role = trust_root.encode(trust_root.build_role(2, {"policy/authority.json": policy}, wrong, NOW_MS))
    handover.hand_over(fleet, "policy-2", {"2.policy.json": role}, {"policy/authority.json": policy})
    assert take_in(publisher, NOW_MS) == []
    assert "policy" in (fleet / "tuf" / "refused" / "policy-2" / "reason.txt").read_text()
    assert publisher.folder.versions()["policy"] == 1


def test_a_slip_with_the_key_files_is_told_at_the_desk(out: Path, fleet: Path) -> None:
    hold(out, fleet)
    people = read_people(a_people_file(out.parent, PEOPLE + "[rules]\ncut_song_s = 30\n"))
    with pytest.raises(ProvisioningError) as caught:
        ceremony.update_policy(out, fleet, people, [out / "catalog-1.pem", out / "policy-2.pem"], NOW_MS)
    assert caught.value.code == "SIGNER_UNKNOWN"
    assert ceremony.current_policy(out).epoch == 1
    keys = [out / "policy-1.pem", out / "policy-2.pem"]
    assert ceremony.update_policy(out, fleet, people, keys, NOW_MS).policy_epoch == 2


@pytest.mark.parametrize(
    "text",
    [
        "not toml [",
        "a=" + "[" * 9_000,
        "a=-" + "9" * 9_000,
        'person = "li.si"',
        '[[person]]\nperson = "li.si"\n',
        '[[person]]\nperson = "li.si"\nname = "x"\nregion = "441"\nmay = []\n',
        '[[person]]\nperson = "li.si"\nname = "x"\nregion = "440100"\nmay = ["fly"]\n',
        '[[person]]\nperson = "../x"\nname = "x"\nregion = "440100"\nmay = ["stop"]\n',
        '[[person]]\nperson = "li.si"\nname = "x"\nregion = "440100"\nmay = ["stop"]\npublic = "04"\n',
        '[[person]]\nperson = "li.si"\nname = "x\u202e"\nregion = "440100"\nmay = ["stop"]\n',
        PEOPLE + PEOPLE,
        "colour = 1\n",
        "[rules]\ncut_song_s = -1\n",
    ],
)
def test_a_bad_people_file_is_named_and_no_policy_is_made(out: Path, fleet: Path, text: str) -> None:
    with pytest.raises(ProvisioningError) as caught:
        hold(out, fleet, text)
    assert caught.value.code == "PEOPLE_FILE"
    assert not (out / "policy.json").exists()
