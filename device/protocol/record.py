"""Value objects and documents that run on CPython and MicroPython alike.

A `Record` has the fields of its `SHAPE`: a table of names and checks (`shape.py`). The annotations beside it are for
mypy and the reader. A `Document` is a record that travels by itself: it has a version (SPEC 2.4) and a size limit.

    class Lease(Document):
        box: str
        lease: int
        SHAPE = (("box", BOX), ("lease", integer(1)))

    Lease.decode(payload).lease
    Lease(box="KTV-0001", lease=7).encode()
"""

from device.protocol.codec import dumps, loads
from device.protocol.errors import MalformedError
from device.protocol.limits import ENVELOPE_BYTES_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, Self, dataclass_transform
else:

    def dataclass_transform(**_options):
        return lambda cls: cls


VERSION = 1


@dataclass_transform(kw_only_default=True)
class Record:
    """Equality, `repr` and checks over the fields of `SHAPE`."""

    if TYPE_CHECKING:
        SHAPE: "ClassVar[Any]"

    SHAPE = ()

    def __init__(self, **fields: "Any") -> None:
        for name, _ in self.SHAPE:
            if name not in fields:
                raise TypeError(f"{type(self).__name__} needs {name}")
            setattr(self, name, fields[name])
        if len(fields) != len(self.SHAPE):
            known = [name for name, _ in self.SHAPE]
            raise TypeError(f"{type(self).__name__} has no {[name for name in fields if name not in known]}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and type(self) is type(other) and self.plain() == other.plain()

    def __hash__(self) -> int:
        return hash(dumps(self.plain()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join([f'{name}={getattr(self, name)!r}' for name, _ in self.SHAPE])})"

    @classmethod
    def from_plain(cls, value: "Any", where: str) -> "Self":
        """Check a JSON object against the shape; raises MalformedError that names the place."""
        return cls(**fields_of(value, cls.SHAPE, where))

    def plain(self) -> "dict[str, Any]":
        """The JSON object of this record."""
        return {name: to_plain(getattr(self, name)) for name, _ in self.SHAPE}

    def replace(self, **changes: "Any") -> "Self":
        """The same record with other values in some fields."""
        fields = {name: getattr(self, name) for name, _ in self.SHAPE}
        fields.update(changes)
        return type(self)(**fields)


class Document(Record):
    """A record that is sent, stored or signed by itself (SPEC 2)."""

    BYTES_MAX = ENVELOPE_BYTES_MAX

    @classmethod
    def decode(cls, payload: bytes) -> "Self":
        """Read and check the bytes of one document.

        Raises MalformedError: `DOCUMENT_TOO_LARGE`, `DOCUMENT_VERSION`, `DOCUMENT_MALFORMED` naming the field.
        """
        return cls.from_plain(versioned(payload, cls.BYTES_MAX, cls.__name__), cls.__name__)

    def encode(self) -> bytes:
        """The canonical bytes; raises MalformedError where a field breaks the shape: nothing unsound is ever signed."""
        value = self.plain()
        type(self).from_plain(value, type(self).__name__)
        value["v"] = VERSION
        raw = dumps(value)
        if len(raw) > self.BYTES_MAX:
            raise MalformedError("DOCUMENT_TOO_LARGE", f"{len(raw)} bytes, at most {self.BYTES_MAX}")
        return raw


def versioned(payload: bytes, bytes_max: int, where: str) -> "dict[str, Any]":
    """The object in a document's bytes, without the version, which is ours (SPEC 2.4)."""
    value = loads(payload, bytes_max)
    version = value.pop("v", None)
    if version != VERSION or version is True:
        raise MalformedError("DOCUMENT_VERSION", f"{where} of version {version!r}, known is {VERSION}")
    return value


def fields_of(value: "Any", shape: "Any", where: str) -> "dict[str, Any]":
    """The checked fields of an object, exactly those of the shape: an unknown name is a newer version's or a slip."""
    if not isinstance(value, dict):
        raise MalformedError("DOCUMENT_MALFORMED", f"{where} must be an object")
    found = {}
    for name, check in shape:
        if name not in value:
            raise MalformedError("DOCUMENT_MALFORMED", f"{where}.{name} is missing")
        found[name] = check(value[name], f"{where}.{name}")
    if len(found) != len(value):
        unknown = sorted([name for name in value if name not in found])
        raise MalformedError("DOCUMENT_MALFORMED", f"{where} has unknown names {unknown}")
    return found


def require_fields(value: "Any", shape: "Any", where: str) -> None:
    """The same checks of an object that is kept as it is; what is wrong gets its name only where something is."""
    try:
        for name, check in shape:
            check(value[name], name)
        if len(shape) == len(value):
            return
    except (KeyError, TypeError, MalformedError):
        pass
    fields_of(value, shape, where)


def to_plain(value: "Any") -> "Any":
    """Records into objects, tuples into arrays, all the way down."""
    if isinstance(value, Record):
        return value.plain()
    if isinstance(value, dict):
        return {name: to_plain(item) for name, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_plain(item) for item in value]
    return value
