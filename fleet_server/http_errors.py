"""Errors of the HTTP interfaces: one table, one shape (problem+json, RFC 9457).

Every error body is `{"type","title","status","detail","code","message_zh","message_en","request_id"}`; one
about fields of the request also has `"fields": [{"field","message_zh","message_en"}]`, `field` as JSON
pointer. Codes of documents and boxes come from `device/protocol/codes.py`, those of this server alone stand
in MESSAGES below. No body repeats what was sent, none shows a traceback.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException as StarletteHTTPException

from device.protocol import codes
from device.protocol.errors import ProtocolError
from fleet_server.http_fields import FieldError, field_errors

_log = logging.getLogger("fleet_server.http")

# code: (status, zh, en). A sentence says what happened and what to do about it.
MESSAGES: dict[str, tuple[int, str, str]] = {
    # the request itself
    "FIELDS_INVALID": (
        422,
        "部分内容不合要求，请按提示修改。",
        "Some fields are not right; see each of them.",
    ),
    # Not the sentence of the box: here it is said of records as well as of addresses.
    "NOT_FOUND": (404, "没有找到，或不在您的权限范围内。", "Not found, or outside your regions."),
    "CONFLICT": (409, "与现有记录冲突。", "This conflicts with what is on record."),
    "UNAVAILABLE": (503, "服务暂时不可用，请稍后再试。", "Not available now; try again later."),
    # people
    "SIGN_IN_NEEDED": (401, "请先登录。", "Sign in first."),
    "SIGN_IN_FAILED": (401, "账号或密码不对。", "Account or password is not right."),
    "SIGN_IN_THROTTLED": (
        429,
        "尝试次数过多。请稍候再试，最多等 15 分钟。",
        "Too many attempts. Wait a little and try again; after 15 minutes at the latest.",
    ),
    "NOT_PERMITTED": (403, "您的角色不能做这件事。", "Your roles do not permit this."),
    "PERSON_EXISTS": (409, "该人员编号已存在。", "This person id is taken."),
    "ACCOUNT_EXISTS": (409, "该账号已存在。", "This account name is taken."),
    "PASSWORD_WRONG": (403, "原密码不对。", "The password so far is not right."),
    "PASSWORD_WEAK": (
        422,
        "密码太短或太常见，至少 12 个字符。",
        "The password is too short or too common; 12 characters at least.",
    ),
    "ROLE_CONFLICT": (
        409,
        "该人员已有与此冲突的角色（三员分立）。",
        "This person has a role that excludes this one (separation of duties).",
    ),
    "ROLE_OWN": (403, "不能给自己授权。", "Nobody grants roles to himself."),
    # regions and venues
    "REGION_UNKNOWN": (422, "没有这个行政区划代码。", "No such region code."),
    "CREDIT_CODE_FORM": (422, "统一社会信用代码形式不对。", "This is not the form of a credit code."),
    "CREDIT_CODE_CHECK": (
        422,
        "统一社会信用代码校验位不对。",
        "The check character of the credit code is wrong.",
    ),
    "VENUE_EXISTS": (409, "该许可证已登记为另一场所。", "This licence is registered for a venue with other facts."),
    "VENUE_SEQUENCE_USED_UP": (409, "本区县场所编码已用完。", "This county has used up its venue codes."),
    # evidence
    "EVIDENCE_NONE": (404, "此范围内没有经前置机签名的记录。", "There is nothing here that the box has signed."),
    "EVIDENCE_TOO_LONG": (422, "记录过多，请缩小范围。", "Too many entries for one file; narrow the range."),
    # updates
    "VERSION_UNKNOWN": (404, "没有发布过这个版本。", "This version is not published."),
    "ROLLOUT_BOXES": (422, "请指定前置机或地区，且至少一台。", "Name boxes or a region, with one box at least."),
    "BUNDLE_FILE": (422, "升级包文件损坏或未签署。", "The bundle is damaged or not signed."),
    # signed content
    "CATALOG_EMPTY": (409, "在编曲库是空的，请先导入。", "There are no songs to release; import a list first."),
    "CATALOG_BANS_CHANGED": (
        409,
        "准备此版本之后又签发了禁播令或解除令，请重新准备。",
        "A ban or a lift was issued after this release was prepared; prepare a new one.",
    ),
    "CATALOG_BANS_TOO_MANY": (
        409,
        "现行禁播令或其曲目超过一个曲库版本的上限，请先解除或合并。",
        "More bans or banned songs are in force than a release may carry; lift or merge some first.",
    ),
    "METADATA_VERSION": (
        409,
        "签名元数据的版本不对，请重新准备。",
        "The metadata's version is not the next one; prepare it again.",
    ),
    "REPOSITORY_EMPTY": (409, "尚未举行密钥仪式。", "There is no root of trust yet; hold the key ceremony first."),
    "ROOT_UNSOUND": (422, "信任根无效。", "The root of trust is not sound."),
    "KEY_FILE": (500, "平台在线密钥不在信任根之列。", "The online keys of this server are not those of the root."),
    # orders
    "POLICY_MISSING": (
        503,
        "尚无授权名单，请先完成密钥仪式。",
        "There is no authority policy yet; hold the key ceremony.",
    ),
    "ORDER_WITHDRAWN": (409, "这份草稿已撤回。", "This draft was withdrawn."),
    "DRAFT_EXPIRED": (409, "草稿超过 72 小时未复核，请重新起草。", "The draft waited too long; draft it again."),
    "HOLDS_TOO_MANY": (
        409,
        "有场所的前置机放不下这份指令（连同其现行指令和禁播曲目），请先解除或合并一部分。",
        "A venue's box has no room for this order beside those in force there; lift or merge some first.",
    ),
    "SIGNER_NOT_YOU": (403, "签名人与登录人不符。", "The signature is not of the person who is signed in."),
    "ORDER_ENDS_ABOVE": (
        422,
        "所解除的指令由上级机关签发，须由同级或更上级机关解除。",
        "It names an order of an authority above; its own level or one above ends it.",
    ),
    "ORDER_ENDS_KIND": (
        422,
        "恢复经营只解除停止经营指令，解除禁播只解除禁播指令，请核对所解除的编号。",
        "A resume ends stops and a lift ends bans; check the numbers of the orders that it ends.",
    ),
    "RECEIPT_OTHER": (
        422,
        "这份回执不是该场所对本指令的回执，请核对指令编号和文件。",
        "This receipt is not for this order at one of its venues; check the order's number and the file.",
    ),
    # boxes
    "CERTIFICATE_MALFORMED": (422, "证书不合格。", "This is not a sound certificate for a box."),
}

# Statuses of the protocol's codes, where they are not the 422 of a document that is not accepted.
_PROTOCOL_STATUS: dict[str, int] = {
    "REQUEST_MALFORMED": 400,
    "REQUEST_TIMEOUT": 408,
    "BODY_TOO_LARGE": 413,
    "CONTENT_TYPE": 415,
    "HOST_FOREIGN": 400,
    "ORIGIN_FOREIGN": 403,
    "METHOD_NOT_ALLOWED": 405,
    "TOO_MANY_REQUESTS": 429,
    "INTERNAL": 500,
    "DOCUMENT_TOO_LARGE": 413,
    "DOCUMENT_MALFORMED": 400,
    "ALREADY_ENROLLED": 409,
    "BOX_UNKNOWN": 404,
    "BOX_REVOKED": 403,
    "VENUE_UNKNOWN": 404,
    "VOUCHER_UNKNOWN": 401,
    "VOUCHER_PROOF": 401,
    "VOUCHER_USED": 409,
    "CLAIM_NONCE": 409,
    "VENUE_TAKEN": 409,
    "ALREADY_CLAIMED": 409,
    "VOUCHER_EXPIRED": 410,
    "ORDER_REPLAYED": 409,
    "ORDER_EQUIVOCATION": 409,
    "ORDER_ALREADY_APPROVED": 409,
    "ORDER_SAME_PERSON": 403,
    "NOTICE_REPLAYED": 409,
    "NOTICE_EQUIVOCATION": 409,
}


class ProblemError(Exception):
    """An answer other than success: a code of the table, and for the reader of logs, what was seen."""

    def __init__(self, code: str, detail: str = "", fields: Iterable[FieldError] = ()) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.fields = tuple(fields)


def problem(code: str, request_id: str, detail: str = "", fields: Iterable[FieldError] = ()) -> dict[str, Any]:
    """The body of an error."""
    status, zh, en = _message(code)
    body: dict[str, Any] = {
        "type": f"urn:frontbox:code:{code}",
        "title": en,
        "status": status,
        "detail": detail,
        "code": code,
        "message_zh": zh,
        "message_en": en,
        "request_id": request_id,
    }
    listed = [{"field": f.field, "message_zh": f.message_zh, "message_en": f.message_en} for f in fields]
    return {**body, "fields": listed} if listed else body


_TEXT = {"type": "string"}
_FIELD = {"type": "object", "properties": {name: _TEXT for name in ("field", "message_zh", "message_en")}}

# Every error of every operation, for the OpenAPI document.
DESCRIPTION: dict[str, Any] = {
    "description": "Problem (RFC 9457): a stable code and a sentence in Chinese and English.",
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status", "code", "message_zh", "message_en", "request_id"],
                "properties": {
                    **{name: _TEXT for name in ("type", "title", "detail", "code")},
                    **{name: _TEXT for name in ("message_zh", "message_en", "request_id")},
                    "status": {"type": "integer"},
                    "fields": {"type": "array", "items": _FIELD},
                },
            }
        }
    },
}


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem."""

    def answer(
        request: Request,
        code: str,
        detail: str = "",
        fields: Iterable[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> JSONResponse:
        body = problem(code, request.scope.get("request_id", ""), detail, fields)
        return JSONResponse(body, body["status"], headers, "application/problem+json")

    async def refused(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ProblemError)
        return answer(request, error.code, error.detail, error.fields)

    async def rejected(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ProtocolError)
        return answer(request, error.code, error.detail)

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return answer(request, "FIELDS_INVALID", fields=field_errors(error.errors()))

    async def of_framework(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, StarletteHTTPException)
        code = {400: "REQUEST_MALFORMED", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "BODY_TOO_LARGE"}
        headers = error.headers if error.status_code == 405 else None
        return answer(request, code.get(error.status_code, "INTERNAL"), headers=headers)

    async def unavailable(request: Request, error: Exception) -> JSONResponse:
        # The disk is full, or an administrator's tool holds the lock: nothing was changed, and it passes.
        _log.error("request %s: the database: %s", request.scope.get("request_id", ""), error)
        return answer(request, "UNAVAILABLE")

    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        _log.error("request %s failed", request.scope.get("request_id", ""), exc_info=error)
        return answer(request, "INTERNAL")

    app.add_exception_handler(ProblemError, refused)
    app.add_exception_handler(ProtocolError, rejected)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(StarletteHTTPException, of_framework)
    app.add_exception_handler(OperationalError, unavailable)
    app.add_exception_handler(Exception, unforeseen)


def _message(code: str) -> tuple[int, str, str]:
    if code in MESSAGES:
        return MESSAGES[code]
    zh, en = codes.MESSAGES[code]
    return _PROTOCOL_STATUS.get(code, 422), zh, en
