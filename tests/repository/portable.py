"""What device/protocol and device/core may not use, because MicroPython lacks it or does it otherwise.

The list was measured on two builds (the unix port and the WebAssembly build). A compiler finds the
syntax; this finds what compiles and then fails on a board: a method, an argument or a module that is not
there. It also keeps the two packages pure: no time, no chance, no input or output. What it cannot find is
reliance on the order of a dict, which MicroPython does not keep; the golden vectors find that.

What is under `if TYPE_CHECKING:` and in annotations is never evaluated, and is not looked at.
"""

import ast
from collections.abc import Iterator

ALLOWED_MODULES = {"binascii", "collections", "hashlib", "json", "struct"}
ALLOWED_PACKAGES = ("device.protocol", "device.core")
ALLOWED_COLLECTIONS = {"OrderedDict", "deque", "namedtuple"}

INSTEAD_OF_METHOD = {
    "_asdict": "name the fields",
    "_replace": "build a new one",
    "bit_count": "count with a loop",
    "bit_length": "compare with a power of two",
    "capitalize": "write it so",
    "casefold": "lower() of ASCII",
    "hexdigest": "digest().hex()",
    "isalnum": "compare with an alphabet",
    "isascii": "compare the code points",
    "isdecimal": "compare with the digits",
    "isidentifier": "compare with an alphabet",
    "isnumeric": "compare with the digits",
    "isprintable": "compare the code points",
    "iter_unpack": "unpack in a loop",
    "ljust": "a format: f'{x:<5}'",
    "maketrans": "a dict",
    "removeprefix": "startswith() and a slice",
    "removesuffix": "endswith() and a slice",
    "rjust": "a format: f'{x:>5}'",
    "swapcase": "write it so",
    "title": "write it so",
    "translate": "join over a dict",
    "zfill": "a format: f'{x:05d}'",
}
BUILTIN_TYPES = {
    "bool",
    "bytearray",
    "bytes",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "set",
    "str",
    "tuple",
    "type",
}
NOT_BUILT_IN = {
    "aiter",
    "anext",
    "ascii",
    "breakpoint",
    "compile",
    "eval",
    "exec",
    "input",
    "open",
    "print",
    "vars",
}
SPECIAL_NAMES = {"__annotations__", "__class_getitem__", "__init_subclass__", "__set_name__", "__prepare__"}

INSTEAD_OF_SYNTAX: dict[type[ast.AST], str] = {
    ast.Match: "match: use if or a table",
    ast.TryStar: "except*: handle one error",
    ast.AsyncFunctionDef: "async: decisions are pure, the services wait",
    ast.Await: "await: decisions are pure, the services wait",
    ast.AsyncFor: "async for: decisions are pure",
    ast.AsyncWith: "async with: decisions are pure",
    ast.With: "with: decisions open nothing",
}

Offence = tuple[int, str]


def offences(tree: ast.Module) -> list[Offence]:
    """Line and complaint, for everything outside the subset."""
    found: list[Offence] = []
    for node in _evaluated(tree):
        found += ((getattr(node, "lineno", 0), complaint) for complaint in _complaints(node))
    return sorted(set(found))


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _evaluated(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that an interpreter evaluates: no annotations, nothing for the type checker alone."""
    yield node
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns"} or (_is_type_checking(node) and field == "body"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _evaluated(child)


def _complaints(node: ast.AST) -> Iterator[str]:
    if type(node) in INSTEAD_OF_SYNTAX:
        yield INSTEAD_OF_SYNTAX[type(node)]
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from _of_import(node)
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield from _of_definition(node)
    elif isinstance(node, ast.Attribute | ast.Name):
        name = node.attr if isinstance(node, ast.Attribute) else node.id
        if name in SPECIAL_NAMES:
            yield f"{name}: not there"
    else:
        yield from _of_expression(node)


def _of_import(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    names = [alias.name for alias in node.names]
    modules = names if isinstance(node, ast.Import) else [node.module or ""]
    for module in modules:
        if module not in ALLOWED_MODULES and not module.startswith(ALLOWED_PACKAGES):
            yield f"import {module}: not in the subset; time, chance and input come in as arguments"
    if modules == ["collections"] and isinstance(node, ast.ImportFrom):
        for name in set(names) - ALLOWED_COLLECTIONS:
            yield f"collections.{name}: not there"
    if isinstance(node, ast.ImportFrom) and node.level:
        yield "relative import: name the package"


def _of_call(node: ast.Call) -> Iterator[str]:
    keywords = {keyword.arg for keyword in node.keywords}
    if isinstance(node.func, ast.Attribute):
        yield from _of_method_call(node.func.attr, keywords)
    elif isinstance(node.func, ast.Name):
        yield from _of_function_call(node.func.id, keywords)


def _of_method_call(name: str, keywords: set[str | None]) -> Iterator[str]:
    given = ", ".join(f"{keyword}=" for keyword in keywords)
    if name in INSTEAD_OF_METHOD:
        yield f".{name}(): not there; {INSTEAD_OF_METHOD[name]}"
    if name in {"to_bytes", "from_bytes"} and keywords:
        yield f".{name}({given}): give length and order by place; there is no signed="
    if name in {"dumps", "loads", "dump", "load"} and keywords - {"separators"}:
        yield f"json.{name}({given}): only separators= is there"
    if name == "Struct":
        yield "struct.Struct: use struct.pack and struct.unpack"


def _of_function_call(name: str, keywords: set[str | None]) -> Iterator[str]:
    if name in NOT_BUILT_IN:
        yield f"{name}(): not there, or not pure"
    if name == "zip" and keywords:
        yield "zip(strict=): compare the lengths"
    if name == "namedtuple" and keywords:
        yield "namedtuple(defaults=): give every field"


def _of_definition(node: ast.FunctionDef | ast.ClassDef) -> Iterator[str]:
    if getattr(node, "type_params", None):
        yield f"{node.name}[T]: type parameters are not there"
    if node.name in SPECIAL_NAMES:
        yield f"{node.name}: never called"
    if isinstance(node, ast.ClassDef) and node.keywords:
        yield f"class {node.name}({node.keywords[0].arg}=): no metaclasses, no class arguments"
    if isinstance(node, ast.FunctionDef) and node.args.posonlyargs:
        yield f"{node.name}(/): positional-only arguments are not there"


def _of_expression(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Raise) and node.cause is not None:
        yield "raise ... from: the cause is lost; put it into the message"
    elif isinstance(node, ast.Dict) and None in node.keys:
        yield "{**a}: use a | b"
    elif isinstance(node, ast.List | ast.Tuple | ast.Set) and _is_unpacking(node):
        yield "[*a]: use list(a) + ..."
    elif isinstance(node, ast.Subscript) and getattr(node.value, "id", "") in BUILTIN_TYPES:
        yield f"{ast.unparse(node)}: evaluated; quote it, or put it under TYPE_CHECKING"
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and _is_type(node):
        yield f"{ast.unparse(node)}: evaluated; use a tuple in isinstance(), quote an alias"
    elif isinstance(node, ast.Slice) and node.step is not None:
        yield "slice with a step: not there for bytes and str; use reversed() or range()"
    elif isinstance(node, ast.Delete) and any(isinstance(part, ast.Slice) for part in ast.walk(node)):
        yield "del a[i:j]: not there for bytearray; build a new one"


def _is_unpacking(node: ast.List | ast.Tuple | ast.Set) -> bool:
    """Stars in a display; on the left of an assignment they are fine."""
    is_target = not isinstance(node, ast.Set) and not isinstance(node.ctx, ast.Load)
    return not is_target and any(isinstance(element, ast.Starred) for element in node.elts)


def _is_type(node: ast.expr) -> bool:
    """`X | None`, `int | str`: a union of types, not of numbers or dicts."""
    if isinstance(node, ast.BinOp):
        return _is_type(node.left) or _is_type(node.right)
    if isinstance(node, ast.Constant):
        return node.value is None
    return isinstance(node, ast.Name) and node.id in BUILTIN_TYPES
