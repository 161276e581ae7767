"""Verbs: sign-in, sign-out, whoami."""

from fleet_server.cli import secrets_in
from fleet_server.cli.client import session_path, store_session, stored_server
from fleet_server.cli.outcome import OK
from fleet_server.cli.verbs import Context, Verbs


def register(verbs: Verbs) -> None:
    sign_in = verbs.add(
        "sign-in",
        "",
        _sign_in,
        zh="登录，会话存入文件",
        en="Sign in; the session is kept in a file",
        examples=[
            "admin --password-file admin.password",
            "zhang --server http://localhost:8080 < zhang.password",
        ],
    )
    sign_in.add_argument("account", help=verbs.text("账号", "account"))
    sign_in.add_argument("--password-file", metavar="FILE", help=verbs.text("密码文件", "file with the password"))
    verbs.add("sign-out", "", _sign_out, zh="退出登录", en="Sign out", examples=[""])
    change = verbs.add(
        "passwd",
        "",
        _change_password,
        zh="修改自己的密码",
        en="Change the own password; other sessions of the account end",
        examples=["--old-file old.password --new-file new.password"],
    )
    change.add_argument("--old-file", metavar="FILE", help=verbs.text("原密码文件", "file with the password so far"))
    change.add_argument("--new-file", metavar="FILE", help=verbs.text("新密码文件", "file with the new password"))
    verbs.add(
        "whoami",
        "",
        _whoami,
        zh="当前账号与角色",
        en="Who is signed in, with which roles",
        examples=["", "--output json"],
    )


def _sign_in(context: Context) -> int:
    arguments = context.arguments
    given = secrets_in.password(arguments.password_file, context.text("密码：", "Password: "))
    body = {"account": arguments.account, "password": given}
    started = context.anonymous_client.post("/api/v1/session", body)
    server = arguments.server or stored_server(arguments.session)
    path = store_session(arguments.session, server, started["account"], started["token"])
    context.say(
        f"已登录为 {started['account']}，会话在 {path}",
        f"Signed in as {started['account']}; session in {path}",
    )
    return OK


def _change_password(context: Context) -> int:
    given = context.arguments
    old = secrets_in.password(given.old_file, context.text("原密码：", "Password so far: "))
    new = secrets_in.password(given.new_file, context.text("新密码：", "New password: "))
    context.client.put("/api/v1/session/password", {"old": old, "new": new})
    context.say("密码已修改", "The password is changed")
    return OK


def _sign_out(context: Context) -> int:
    path = session_path(context.arguments.session)
    if path.exists():
        context.client.delete("/api/v1/session")
        path.unlink()
    context.say("已退出", "Signed out")
    return OK


def _whoami(context: Context) -> int:
    context.show(context.client.get("/api/v1/session"))
    return OK
