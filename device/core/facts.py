"""Value objects of the core: events, effects and what they carry.

Unlike a document (`device/protocol`) a fact never leaves the box, so its fields are not checked and have no
wire form. Named fields only, equality and `repr` by field.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, dataclass_transform
else:

    def dataclass_transform(**_options):
        return lambda cls: cls


@dataclass_transform(kw_only_default=True)
class Fact:
    """What happened, or what shall happen; `FIELDS` names what it carries."""

    if TYPE_CHECKING:
        FIELDS: "ClassVar[tuple[str, ...]]"

    FIELDS = ()

    def __init__(self, **fields: "Any") -> None:
        # Made a dozen times for every play, so the complaint is written only where there is one.
        try:
            for name in self.FIELDS:
                setattr(self, name, fields[name])
        except KeyError:
            fields = {}
        if len(fields) != len(self.FIELDS):
            raise TypeError(f"{type(self).__name__} has {list(self.FIELDS)}")

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        return all([getattr(self, name) == getattr(other, name) for name in self.FIELDS])

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join([f'{name}={getattr(self, name)!r}' for name in self.FIELDS])})"
