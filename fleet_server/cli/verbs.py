"""The shape of every verb: `frontbox-fleet NOUN VERB [options]`.

A domain's module has `register(verbs)`, which adds its verbs; a verb is a function of the `Context` that
talks to the server through `context.client`, prints through `context.show` and `context.say`, and returns an
exit code.

    def register(verbs: Verbs) -> None:
        show = verbs.add("venue", "show", _show, zh="一个场所", en="One venue", examples=["J0131010100001Y"])
        show.add_argument("code", help=verbs.text("场所编码", "venue code"))
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from fleet_server.cli import tables
from fleet_server.cli.client import Client, stored_server
from fleet_server.cli.outcome import MEANINGS, USAGE

NOUNS = {
    "person": ("人员与角色", "persons and roles"),
    "account": ("账号", "accounts"),
    "region": ("行政区划", "regions"),
    "venue": ("场所", "venues"),
    "box": ("前置机", "boxes"),
    "catalog": ("曲库", "the catalog"),
    "order": ("停止、恢复、禁播指令", "stop, resume, ban and lift orders"),
    "notice": ("通知、公告、警示", "notices"),
    "plays": ("点播记录", "plays"),
    "incident": ("日志异常", "incidents of journals"),
    "letter": ("无法处理的来件", "dead letters"),
    "bundle": ("升级包", "update bundles"),
    "extension": ("租约延期", "extensions of leases"),
    "evidence": ("证据文件", "evidence files"),
    "rollout": ("升级", "rollouts"),
    "audit": ("审计记录", "the audit record"),
}


@dataclass(frozen=True, slots=True)
class Context:
    """One invocation."""

    arguments: argparse.Namespace
    lang: str

    @property
    def client(self) -> Client:
        """The signed-in HTTP client. Raises CommandError when there is no session."""
        return Client.signed_in(self.arguments.session, self.arguments.server)

    @property
    def anonymous_client(self) -> Client:
        server = self.arguments.server or stored_server(self.arguments.session)
        return Client(server)

    def server_ms(self) -> int:
        """The server's time: an end counted in days must not depend on the clock of an officer's computer."""
        return int(self.client.get("/api/v1/session")["now_ms"])

    def text(self, zh: str, en: str) -> str:
        return zh if self.lang == "zh" else en

    def say(self, zh: str, en: str) -> None:
        """Talk, to standard error."""
        sys.stderr.write(self.text(zh, en) + "\n")

    def show(self, data: object, columns: Sequence[tuple[str, str, str]] | None = None) -> None:
        """Data, to standard output: JSON as it came, or a table.

        Args:
            data: a mapping, or a sequence of mappings.
            columns: (name, zh, en) of what the table shows; all names by default.
        """
        if self.arguments.output == "json":
            sys.stdout.write(tables.as_json(data))
        else:
            sys.stdout.write(tables.as_table(data, columns, self.lang))


Run = Callable[[Context], int]


class _Parser(argparse.ArgumentParser):
    """A usage error names the way to help, in one line."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**options, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message} (--help)\n")


class Verbs:
    """The growing parser; nouns appear when the first verb does."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.parser = _Parser(
            prog="frontbox-fleet",
            description=self.text("前置机管理平台", "The Frontbox fleet server"),
            epilog=self._exit_codes(),
        )
        self._top = self.parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
        self._nouns: dict[str, argparse._SubParsersAction[_Parser]] = {}

    def text(self, zh: str, en: str) -> str:
        return zh if self.lang == "zh" else en

    def add(
        self, noun: str, verb: str, run: Run, *, zh: str, en: str, examples: Sequence[str]
    ) -> argparse.ArgumentParser:
        """A verb of a noun, or with `verb` empty a command of its own; `examples` are its arguments."""
        place = self._noun(noun) if verb else self._top
        words = f"frontbox-fleet {noun} {verb}".strip()
        lines = "".join(f"\n  {words} {example}".rstrip() for example in examples)
        parser = place.add_parser(
            verb or noun,
            help=self.text(zh, en),
            description=self.text(zh, en),
            epilog=f"{self.text('例：', 'examples:')}{lines}\n\n{self._exit_codes()}",
        )
        parser.set_defaults(run=run)
        self._add_common(parser)
        return parser

    def _exit_codes(self) -> str:
        said = "".join(f"\n  {code}  {self.text(*meaning)}" for code, meaning in MEANINGS.items())
        return self.text("退出码：", "exit codes:") + said

    def _noun(self, noun: str) -> "argparse._SubParsersAction[_Parser]":
        if noun not in self._nouns:
            parser = self._top.add_parser(noun, help=self.text(*NOUNS[noun]), epilog=self._exit_codes())
            self._nouns[noun] = parser.add_subparsers(metavar="VERB", required=True, parser_class=_Parser)
        return self._nouns[noun]

    def _add_common(self, parser: argparse.ArgumentParser) -> None:
        common = parser.add_argument_group(self.text("通用选项", "common options"))
        common.add_argument("--output", choices=("table", "json"), default="table")
        common.add_argument("--lang", choices=("zh", "en"), default=self.lang)
        common.add_argument("--server", metavar="URL", help=self.text("服务器地址", "address of the server"))
        common.add_argument(
            "--session",
            metavar="FILE",
            help=self.text("会话文件（或环境变量 FRONTBOX_SESSION）", "session file (or FRONTBOX_SESSION)"),
        )
