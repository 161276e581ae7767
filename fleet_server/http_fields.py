"""What is wrong with a field of a request, said in Chinese and English."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticCustomError

from device.protocol.shape import is_readable

# pydantic's error types -> (zh, en); values in braces come from the error's context.
_MESSAGES: dict[str, tuple[str, str]] = {
    "missing": ("必填。", "Required."),
    "extra_forbidden": ("没有这一项。", "There is no such field."),
    "string_type": ("应为文字。", "Must be text."),
    "string_too_short": ("至少 {min_length} 个字符。", "At least {min_length} characters."),
    "string_too_long": ("最多 {max_length} 个字符。", "At most {max_length} characters."),
    "string_pattern_mismatch": ("格式不对。", "Wrong form."),
    "int_type": ("应为整数。", "Must be an integer."),
    "int_parsing": ("应为整数。", "Must be an integer."),
    "int_from_float": ("应为整数。", "Must be an integer."),
    "bool_type": ("应为是或否。", "Must be true or false."),
    "bool_parsing": ("应为是或否。", "Must be true or false."),
    "greater_than_equal": ("不能小于 {ge}。", "At least {ge}."),
    "less_than_equal": ("不能大于 {le}。", "At most {le}."),
    "list_type": ("应为列表。", "Must be a list."),
    "too_short": ("至少 {min_length} 项。", "At least {min_length} items."),
    "too_long": ("最多 {max_length} 项。", "At most {max_length} items."),
    "literal_error": ("应为 {expected} 之一。", "Must be one of {expected}."),
    "enum": ("应为 {expected} 之一。", "Must be one of {expected}."),
    "json_invalid": ("不是合格的 JSON。", "Not sound JSON."),
    "model_attributes_type": ("应为 JSON 对象。", "Must be a JSON object."),
    "unreadable": ("含有控制字符或改变方向的字符。", "Holds control or direction characters."),
    "dict_type": ("应为 JSON 对象。", "Must be a JSON object."),
}
_OTHER = ("不合要求。", "Not acceptable.")


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field (JSON pointer; query and path parameters by name) and what is wrong with it."""

    field: str
    message_zh: str
    message_en: str


def field_errors(errors: Iterable[Mapping[str, Any]]) -> list[FieldError]:
    """Field errors of pydantic's list."""
    return [_field_error(error) for error in errors]


def _field_error(error: Mapping[str, Any]) -> FieldError:
    place, *names = error["loc"]
    field = "".join(f"/{name}" for name in names) if place == "body" else str(names[0] if names else place)
    zh, en = _MESSAGES.get(error["type"], _OTHER)
    context = error.get("ctx", {})
    return FieldError(field or "/", zh.format(**context), en.format(**context))


def readable(text: str) -> str:
    """For pydantic: text without control, bidirectional-override and line-separator characters (SPEC 2.5)."""
    if not is_readable(text):
        raise PydanticCustomError("unreadable", "control or direction characters")
    return text
