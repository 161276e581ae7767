"""Verbs that run on the server's own machine: init, serve."""

import os
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from fleet_server.cli import secrets_in
from fleet_server.cli.outcome import FAILED, OK, USAGE, CommandError
from fleet_server.cli.verbs import Context, Verbs
from fleet_server.founding import found
from fleet_server.http_errors import ProblemError, problem
from fleet_server.serve import StartError, serve
from fleet_server.settings import Settings, SettingsError, load_settings

# The data directory holds keys and hashes: what this process writes is its owner's alone.
_PRIVATE = 0o077


def register(verbs: Verbs) -> None:
    init = verbs.add(
        "init",
        "",
        _init,
        zh="建立数据目录：数据库、密钥、第一个管理员",
        en="Make a data directory: database, keys, first administrator",
        examples=["--data /var/lib/frontbox --admin admin --password-file admin.password"],
    )
    init.add_argument("--admin", required=True, help=verbs.text("管理员账号", "account of the administrator"))
    init.add_argument("--password-file", metavar="FILE", help=verbs.text("密码文件", "file with the password"))
    hosts = verbs.text("前置机访问本服务器的名称或地址，可多次", "name or address for boxes; may be repeated")
    init.add_argument("--host", action="append", default=[], metavar="NAME", help=hosts)
    start = verbs.add(
        "serve",
        "",
        _serve,
        zh="运行服务器",
        en="Run the server until SIGTERM",
        examples=["--data /var/lib/frontbox", "--data /var/lib/frontbox --config /etc/frontbox/fleet.toml"],
    )
    for parser in (init, start):
        parser.add_argument("--data", required=True, type=Path, help=verbs.text("数据目录", "data directory"))
        parser.add_argument(
            "--config",
            type=Path,
            help=verbs.text("设置文件，默认 DATA/fleet.toml", "settings, by default DATA/fleet.toml"),
        )


def _init(context: Context) -> int:
    os.umask(_PRIVATE)
    given = context.arguments
    settings = _settings(given.data, given.config)
    password = secrets_in.password(given.password_file, context.text("密码：", "Password: "))
    try:
        made = found(settings, given.admin, password, given.host)
    except (OSError, DatabaseError) as error:
        reason = error.orig if isinstance(error, DatabaseError) else error
        raise CommandError(FAILED, "DATA_UNUSABLE", f"数据目录不能用：{reason}", f"Data directory: {reason}") from error
    except ProblemError as error:
        body = problem(error.code, "")
        raise CommandError(FAILED, error.code, body["message_zh"], body["message_en"]) from error
    context.show({"data": str(given.data), "made": made})
    steps = (
        f"\n  frontbox-provision ceremony --out CEREMONY --fleet {given.data} --people people.toml"
        f"\n  frontbox-fleet serve --data {given.data}"
        f"\n  frontbox-fleet sign-in {given.admin}"
    )
    context.say(f"下一步：{steps}", f"Next:{steps}")
    return OK


def _serve(context: Context) -> int:
    os.umask(_PRIVATE)
    given = context.arguments
    try:
        serve(_settings(given.data, given.config))
    except (StartError, OSError) as error:
        raise CommandError(FAILED, "START_FAILED", f"无法启动：{error}", str(error)) from error
    return OK


def _settings(data: Path, config: Path | None) -> Settings:
    try:
        return load_settings(data, config)
    except SettingsError as error:
        raise CommandError(USAGE, "SETTINGS_INVALID", f"设置有误：{error}", str(error)) from error
