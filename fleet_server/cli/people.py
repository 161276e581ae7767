"""Verbs of persons, roles and accounts."""

from fleet_server.cli import secrets_in
from fleet_server.cli.outcome import OK
from fleet_server.cli.verbs import Context, Verbs

# Those of `people.roles`, which is not loaded here: it brings the server's libraries with it.
ROLES = ("administrator", "operator", "officer", "installer", "rights-holder", "venue", "auditor")
_COLUMNS = [
    ("person", "编号", "person"),
    ("name", "姓名", "name"),
    ("region", "区划", "region"),
    ("accounts", "账号", "accounts"),
    ("grants", "角色", "roles"),
]


def register(verbs: Verbs) -> None:
    _register_persons(verbs)
    _register_accounts(verbs)


def _register_persons(verbs: Verbs) -> None:
    add = verbs.add(
        "person",
        "add",
        _add,
        zh="登记人员（编号同签名授权表）",
        en="Add a person, by the id of the authority policy",
        examples=["zhang.wei --name 张伟 --region 440106"],
    )
    add.add_argument("person")
    add.add_argument("--name", required=True, help=verbs.text("姓名", "name"))
    add.add_argument("--region", required=True, help=verbs.text("区划代码", "region code"))
    verbs.add("person", "list", _list, zh="人员列表", en="Persons of your regions", examples=["", "--output json"])
    show = verbs.add("person", "show", _show, zh="一名人员", en="One person", examples=["zhang.wei"])
    show.add_argument("person")
    for verb, run, zh, en in (
        ("grant", _grant, "授予角色", "Give a role in a region and below it"),
        ("revoke", _revoke, "撤销角色", "Take a role away"),
    ):
        change = verbs.add("person", verb, run, zh=zh, en=en, examples=["zhang.wei officer 440106"])
        change.add_argument("person")
        change.add_argument("role", choices=ROLES)
        change.add_argument("region")


def _register_accounts(verbs: Verbs) -> None:
    add = verbs.add(
        "account",
        "add",
        _add_account,
        zh="给人员开账号",
        en="Give a person an account",
        examples=["zhang --person zhang.wei --password-file zhang.password"],
    )
    add.add_argument("account")
    add.add_argument("--person", required=True)
    add.add_argument("--password-file", metavar="FILE", help=verbs.text("密码文件", "file with the password"))
    reset = verbs.add(
        "account",
        "password",
        _reset_password,
        zh="给账号设新密码并结束其会话",
        en="Give an account a new password and end its sessions",
        examples=["zhang --password-file zhang.password"],
    )
    reset.add_argument("account")
    reset.add_argument("--password-file", metavar="FILE", help=verbs.text("密码文件", "file with the password"))
    for verb, run, zh, en in (
        ("close", _close_account, "停用账号并结束其会话", "Close an account and end its sessions"),
        ("open", _open_account, "重新启用账号", "Open a closed account again"),
    ):
        change = verbs.add("account", verb, run, zh=zh, en=en, examples=["zhang"])
        change.add_argument("account")


def _add(context: Context) -> int:
    given = context.arguments
    body = {"person": given.person, "name": given.name, "region": given.region}
    context.show(context.client.post("/api/v1/persons", body), _COLUMNS)
    return OK


def _list(context: Context) -> int:
    context.show(context.client.get("/api/v1/persons")["persons"], _COLUMNS)
    return OK


def _show(context: Context) -> int:
    context.show(context.client.get(f"/api/v1/persons/{context.arguments.person}"), _COLUMNS)
    return OK


def _grant(context: Context) -> int:
    given = context.arguments
    body = {"role": given.role, "region": given.region}
    context.show(context.client.put(f"/api/v1/persons/{given.person}/grants", body), _COLUMNS)
    return OK


def _revoke(context: Context) -> int:
    given = context.arguments
    path = f"/api/v1/persons/{given.person}/grants/{given.role}/{given.region}"
    context.show(context.client.delete(path), _COLUMNS)
    return OK


def _add_account(context: Context) -> int:
    given = context.arguments
    password = secrets_in.password(given.password_file, context.text("密码：", "Password: "))
    body = {"account": given.account, "person": given.person, "password": password}
    context.show(context.client.post("/api/v1/accounts", body), _COLUMNS)
    return OK


def _reset_password(context: Context) -> int:
    given = context.arguments
    password = secrets_in.password(given.password_file, context.text("密码：", "Password: "))
    context.show(context.client.put(f"/api/v1/accounts/{given.account}/password", {"password": password}), _COLUMNS)
    return OK


def _close_account(context: Context) -> int:
    path = f"/api/v1/accounts/{context.arguments.account}"
    context.show(context.client.put(path, {"is_active": False}), _COLUMNS)
    return OK


def _open_account(context: Context) -> int:
    path = f"/api/v1/accounts/{context.arguments.account}"
    context.show(context.client.put(path, {"is_active": True}), _COLUMNS)
    return OK
