"""frontbox-provision: the tools of the key ceremony, the factory, the installer and the build room.

Data goes to stdout, talk to stderr. A verb's module is loaded when the verb is used, so that --help and installers do
not wait for the libraries of the ceremony.
"""

import argparse
import importlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from provisioning import clock
from provisioning.errors import ProvisioningError
from provisioning.wording import LANGUAGES, Voice

FAILED, USAGE, NOT_FOUND, NOT_ALLOWED, OFFLINE = 1, 2, 3, 4, 8
EXIT_CODES = """exit codes (退出码):
  0  done (完成)
  1  failed (失败)
  2  usage (用法有误)
  3  not found (找不到)
  4  not allowed (无权限)
  8  nobody answers (连不上)"""
EXIT_BY_CODE = {
    "KEY_FILE": NOT_FOUND,
    "CEREMONY_MISSING": NOT_FOUND,
    "BUNDLE_FILE": NOT_FOUND,
    "VOUCHER_FILE": NOT_FOUND,
    "BOX_UNKNOWN": NOT_FOUND,
    "VENUE_UNKNOWN": NOT_FOUND,
    "VOUCHER_UNKNOWN": NOT_FOUND,
    "CUSTODIAN_UNKNOWN": NOT_FOUND,
    "SIGNER_UNKNOWN": NOT_ALLOWED,
    "THRESHOLD_SHORT": NOT_ALLOWED,
    "PAIRING_CODE": NOT_ALLOWED,
    "TOKEN_MISSING": NOT_ALLOWED,
    "TOKEN_UNKNOWN": NOT_ALLOWED,
    "BOX_REVOKED": NOT_ALLOWED,
    "SIGN_IN_NEEDED": NOT_ALLOWED,
    "NOT_PERMITTED": NOT_ALLOWED,
    "BOX_UNREACHABLE": OFFLINE,
    "FLEET_UNREACHABLE": OFFLINE,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    options = parser().parse_args(arguments)
    voice = Voice(options.lang, options.quiet)
    try:
        module, function = options.run
        result = getattr(importlib.import_module(f"provisioning.{module}"), function)(options, voice, clock.now_ms())
    except ProvisioningError as error:
        voice.fail(error)
        return EXIT_BY_CODE.get(error.code, FAILED)
    except OSError as error:
        voice.fail(ProvisioningError("FILE_FAILED", f"{error.filename or ''}: {error.strerror or error}"))
        return FAILED
    except KeyboardInterrupt:
        return 130
    _print(result, options.output)
    return 0


def _print(result: dict[str, object], output: str) -> None:
    if output == "json":
        print(json.dumps(result, ensure_ascii=False, sort_keys=True))
        return
    if len(result) == 1:  # a single fact is what a script wants: TOKEN=$(frontbox-provision pair ...)
        print(*result.values())
        return
    width = max((len(name) for name in result), default=0)
    for name, value in result.items():
        shown = ", ".join(str(item) for item in value) if isinstance(value, list) else value
        print(f"{name:<{width}}  {shown}")


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        options["epilog"] = f"{options['epilog']}\n\n{EXIT_CODES}" if "epilog" in options else EXIT_CODES
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message} (--help)\n")


def parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="frontbox-provision",
        description="Key ceremony, factory, installer and build room. 密钥仪式、出厂登记、场所安装、升级包制作。",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True, parser_class=_Parser)
    _add_ceremony(verbs)
    _add_box_verbs(verbs)
    _add_bundle(verbs)
    return parser


def _verb(verbs: Any, name: str, run: tuple[str, str], says: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(
        name, help=says, description=says, epilog=f"example:\n  frontbox-provision {example}"
    )
    common = parser.add_argument_group("common")
    named = os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"
    language = "zh" if named.startswith("zh") else "en"
    common.add_argument("--lang", choices=LANGUAGES, default=language, help="language of the talk (语言)")
    common.add_argument("--output", choices=("table", "json"), default="table", help="form of the result")
    common.add_argument("--quiet", action="store_true", help="no talk, only the result")
    parser.set_defaults(run=run)
    return parser


def _add_folders(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--ceremony", type=Path, required=True, help="ceremony folder, with its keys and CAs")
    verb.add_argument("--fleet", type=Path, required=True, help="data folder of the fleet server")


def _add_ceremony(verbs: Any) -> None:
    hold = _verb(
        verbs,
        "ceremony",
        ("ceremony_verbs", "hold"),
        "密钥仪式: make the root of trust, the officers' keys and the first policy; go on where it was cut off",
        "ceremony --out /media/safe/ceremony --fleet /srv/fleet --people people.toml",
    )
    hold.add_argument("--out", type=Path, required=True, help="ceremony folder; keep it off line")
    hold.add_argument("--fleet", type=Path, required=True, help="data folder of the fleet server, after init")
    hold.add_argument(
        "--people", type=Path, required=True, help="officers and what each may sign, TOML: docs/operator.md"
    )
    policy = verbs.add_parser("policy", help="授权名单: the authority policy")
    update = _verb(
        policy.add_subparsers(metavar="VERB", required=True, parser_class=_Parser),
        "update",
        ("ceremony_verbs", "update"),
        "更新授权名单: sign the next policy, when officers come, leave or change",
        "policy update --ceremony CEREMONY --fleet /srv/fleet --people people.toml --key p1.pem --key p2.pem",
    )
    _add_folders(update)
    update.add_argument("--people", type=Path, required=True, help="the whole list of officers from now on")
    update.add_argument("--key", type=Path, action="append", required=True, help="a policy key file; give two")
    _add_root(verbs)


def _add_root(verbs: Any) -> None:
    root = verbs.add_parser("root", help="信任根: the root of trust")
    kinds = root.add_subparsers(metavar="VERB", required=True, parser_class=_Parser)
    rotate = _verb(
        kinds,
        "rotate",
        ("ceremony_verbs", "rotate"),
        "轮换信任根: sign the next root: new keys for custodians, or a longer life; run again after an interruption",
        "root rotate --ceremony CEREMONY --fleet /srv/fleet --version 2 --replace 3 --key root-1.pem --key root-2.pem",
    )
    _add_folders(rotate)
    _add_version_and_keys(rotate)
    rotate.add_argument(
        "--replace",
        type=int,
        action="append",
        default=[],
        metavar="NUMBER",
        help="custodian 1, 2 or 3 gets a new key, root-NUMBER-vVERSION.pem; none: the same custodians",
    )
    online = _verb(
        kinds,
        "rotate-online",
        ("ceremony_verbs", "rotate_online"),
        "更换在线密钥: sign the next root, which names new snapshot and timestamp keys of the fleet server",
        "root rotate-online --ceremony CEREMONY --fleet /srv/fleet --version 2 --key root-1.pem --key root-2.pem",
    )
    _add_folders(online)
    _add_version_and_keys(online)
    online.add_argument(
        "--role", action="append", choices=("snapshot", "timestamp"), help="only this one; both without it"
    )


def _add_version_and_keys(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--version", type=int, required=True, help="of the new root: one above the one in force")
    verb.add_argument(
        "--key", type=Path, action="append", required=True, help="a key file of the root in force; give two"
    )


def _add_box_verbs(verbs: Any) -> None:
    factory = _verb(
        verbs,
        "factory",
        ("factory", "run"),
        "出厂登记: give a box its factory certificate, the root of trust and its label; go on where it was cut off",
        "factory --box KTV-0001 --url http://192.168.10.2 --ceremony CEREMONY --fleet /srv/fleet "
        "--fleet-url https://fleet.example:8443 --label KTV-0001.json",
    )
    factory.add_argument("--box", required=True, help="box id on the label, KTV-...")
    factory.add_argument("--url", required=True, help="address of the box on this bench")
    _add_folders(factory)
    factory.add_argument("--fleet-url", required=True, help="https address where boxes reach the fleet")
    factory.add_argument("--label", type=Path, required=True, help="file for what is printed on the label")
    factory.add_argument("--server", help="console address, to enter the box in the fleet's factory log")
    factory.add_argument("--session", type=Path, help="session file of frontbox-fleet sign-in")
    claim = _verb(
        verbs,
        "claim",
        ("installer", "claim"),
        "绑定场所: bind a box to a venue, with the voucher of that venue",
        "claim --voucher voucher.json --url http://192.168.10.2",
    )
    claim.add_argument("--voucher", type=Path, required=True, help="voucher file from frontbox-fleet")
    claim.add_argument("--url", required=True, help="address of the box in the venue's network")
    claim.add_argument("--venue", help="venue code on the licence; compared with the voucher")
    pair = _verb(
        verbs,
        "pair",
        ("installer", "pair"),
        "配对点歌系统: get a token for the VOD server, for the code on the box's label",
        "pair --url http://192.168.10.2 --label KTV-0001.json --vod main --out token",
    )
    pair.add_argument("--url", required=True, help="address of the box")
    label = pair.add_mutually_exclusive_group(required=True)
    label.add_argument("--label", type=Path, help="label file of the factory step")
    label.add_argument("--label-code", help="the code as printed on the box")
    pair.add_argument("--vod", required=True, help="name of the VOD server, 1 to 32 characters")
    pair.add_argument("--out", type=Path, help="file for the token; without it the token is printed")
    status = _verb(
        verbs,
        "status",
        ("installer", "status"),
        "查看前置机: what a box says of itself",
        "status --url http://192.168.10.2 --token token",
    )
    status.add_argument("--url", required=True, help="address of the box")
    status.add_argument("--token", type=Path, required=True, help="token file of `pair`")


def _add_bundle(verbs: Any) -> None:
    bundle = verbs.add_parser("bundle", help="升级包: build and sign updates")
    kinds = bundle.add_subparsers(metavar="VERB", required=True, parser_class=_Parser)
    build = _verb(
        kinds,
        "build",
        ("bundle_verbs", "build"),
        "制作升级包: one file from a slot image or from the source of the box; the same source, the same bytes",
        "bundle build --version 1.1.0 --source device/ --out frontbox-1.1.0.tar",
    )
    build.add_argument("--version", required=True, help="MAJOR.MINOR.PATCH")
    source = build.add_mutually_exclusive_group(required=True)
    source.add_argument("--source", type=Path, help="the folder device/ of a checkout")
    source.add_argument("--image", type=Path, help="a slot image that is built already")
    _add_manifest(build)
    build.add_argument("--out", type=Path, required=True, help="the bundle, a tar file")
    sign = _verb(
        kinds,
        "sign",
        ("bundle_verbs", "sign"),
        "签署升级包: two custodians vouch for a bundle; it is written back signed or handed to the fleet folder",
        "bundle sign frontbox-1.1.0.tar --fleet /srv/fleet --key firmware-1.pem --key firmware-2.pem",
    )
    sign.add_argument("bundle", type=Path, help="file of `bundle build`")
    sign.add_argument("--fleet", type=Path, required=True, help="data folder of the fleet server, or a copy of it")
    sign.add_argument("--key", type=Path, action="append", required=True, help="a firmware key file; give two")
    sign.add_argument("--out", type=Path, help="write the signed bundle here instead of handing it over")


def _add_manifest(build: argparse.ArgumentParser) -> None:
    build.add_argument("--compatible", default="frontbox-emulated", help="board it is for (%(default)s)")
    build.add_argument(
        "--security-epoch", type=int, help="what the image must have; it never falls on a box (as the image says)"
    )
    build.add_argument("--text-zh", default="", help="更新说明")
    build.add_argument("--text-en", default="", help="what is new")
