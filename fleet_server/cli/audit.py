"""Verbs of the audit record: list, verify."""

import json
from collections.abc import Iterator

from fleet_server.audit import chain
from fleet_server.cli.client import Client
from fleet_server.cli.outcome import FAILED, OK, CommandError
from fleet_server.cli.verbs import Context, Verbs

_PAGE = 1000
_COLUMNS = [
    ("n", "序号", "row"),
    ("at_ms", "时间", "at_ms"),
    ("actor", "账号", "actor"),
    ("action", "操作", "action"),
    ("region", "区划", "region"),
    ("subject", "对象", "subject"),
    ("reason", "理由", "reason"),
]


def register(verbs: Verbs) -> None:
    rows = verbs.add(
        "audit",
        "list",
        _list,
        zh="最近的审计记录",
        en="The latest audit rows",
        examples=["", "--limit 200 --output json"],
    )
    rows.add_argument("--limit", type=int, default=50, help=verbs.text("行数", "number of rows"))
    verify = verbs.add(
        "audit",
        "verify",
        _verify,
        zh="在本机核对整个审计链",
        en="Verify the whole chain on this machine",
        examples=["", "--head 120:9f2c..."],
    )
    verify.add_argument(
        "--head",
        metavar="N:HASH",
        help=verbs.text("以前抄下的链头，必须仍在链中", "a head noted before, which must still be in the chain"),
    )


def _list(context: Context) -> int:
    rows = context.client.get("/api/v1/audit", limit=context.arguments.limit)["rows"]
    context.show([json.loads(row) for row in rows], _COLUMNS)
    return OK


def _verify(context: Context) -> int:
    noted_n, _, noted = (context.arguments.head or ":").partition(":")
    n, head = 0, chain.FIRST
    is_noted_found = not noted
    try:
        for link in _links(context.client):
            n, head = chain.verify([link], n, head)
            is_noted_found = is_noted_found or (str(n) == noted_n and head.startswith(noted))
    except chain.AuditBrokenError as error:
        raise CommandError(FAILED, "AUDIT_BROKEN", f"审计链不成立：{error}", str(error)) from error
    if not is_noted_found:
        raise CommandError(
            FAILED, "AUDIT_REPLACED", "以前抄下的链头不在链中", "The head noted before is not in the chain"
        )
    context.show({"rows": n, "head": f"{n}:{head}"})
    return OK


def _links(client: Client) -> Iterator[chain.Link]:
    after = 0
    while page := client.get("/api/v1/audit/chain", after=after, limit=_PAGE)["links"]:
        for link in page:
            yield chain.Link(link["n"], link["row"], link["chain"])
        after = page[-1]["n"]
