"""How a command ends: exit codes (ux.md 1.3) and the error that carries one."""

from collections.abc import Mapping
from pathlib import Path

OK = 0
FAILED = 1
USAGE = 2
NOT_FOUND = 3
NOT_ALLOWED = 4
NEEDS_APPROVAL = 5
PARTLY_APPLIED = 6
TIMED_OUT = 7
OFFLINE = 8

MEANINGS = {
    OK: ("完成", "done"),
    FAILED: ("失败", "failed"),
    USAGE: ("用法有误", "usage"),
    NOT_FOUND: ("找不到", "not found"),
    NOT_ALLOWED: ("无权限", "not allowed"),
    NEEDS_APPROVAL: ("待第二人签署", "waits for the second person"),
    PARTLY_APPLIED: ("部分完成", "partly applied"),
    TIMED_OUT: ("超时", "timed out"),
    OFFLINE: ("连不上服务器", "server unreachable"),
}

_OF_STATUS = {401: NOT_ALLOWED, 403: NOT_ALLOWED, 404: NOT_FOUND, 408: TIMED_OUT, 503: OFFLINE}


class CommandError(Exception):
    """The command ends here: exit code, a code as in the HTTP interface, and the sentence for people."""

    def __init__(self, exit_code: int, code: str, zh: str, en: str) -> None:
        super().__init__(f"{code}: {en}")
        self.exit_code = exit_code
        self.code = code
        self.zh = zh
        self.en = en


def file_bytes(path: Path) -> bytes:
    """All of a file that the command was given. Raises CommandError."""
    try:
        return path.read_bytes()
    except OSError as error:
        said = f"{path}: {error.strerror}"
        raise CommandError(NOT_FOUND, "FILE_UNREADABLE", f"读不了 {said}", f"Cannot read {said}") from error


def of_problem(status: int, body: Mapping[str, object]) -> CommandError:
    """The error for a problem that the server answered."""
    code = str(body.get("code", f"HTTP_{status}"))
    zh = str(body.get("message_zh", f"服务器回答 {status}"))
    en = str(body.get("message_en", f"The server answered {status}"))
    if detail := body.get("detail"):
        zh, en = f"{zh} ({detail})", f"{en} ({detail})"
    fields = body.get("fields", [])
    for field in fields if isinstance(fields, list) else []:
        zh += f"\n  {field['field']}: {field['message_zh']}"
        en += f"\n  {field['field']}: {field['message_en']}"
    if request_id := body.get("request_id"):
        zh, en = f"{zh} [{request_id}]", f"{en} [{request_id}]"
    return CommandError(_OF_STATUS.get(status, FAILED), code, zh, en)
