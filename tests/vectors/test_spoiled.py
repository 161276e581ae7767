"""Sound documents with anything anywhere: rejected with a code, or read and written again; never another error."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from device.protocol.errors import ProtocolError
from tests.vectors import outcomes
from tests.vectors.sources.documents import SOUND

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "a", "\u202e", "9" * 99, "310101", "KTV-00A1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["v", "kind", "region", "x"]), inner),
    max_leaves=4,
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a document with each of its names or indices."""
    keys: Any = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


@settings(max_examples=600)
@given(st.sampled_from(SOUND), st.data(), ANYTHING, st.booleans())
def test_2_2_whatever_stands_anywhere_is_rejected_or_kept(
    sound: tuple[str, str, str, bytes], data: st.DataObject, anything: Any, is_left_out: bool
) -> None:
    kind, _, _, raw = sound
    plain = json.loads(raw)
    container, key = data.draw(st.sampled_from(list(places(plain))))
    if is_left_out:
        del container[key]
    else:
        container[key] = anything
    spoiled = json.dumps(plain).encode()
    document: Any = outcomes.DOCUMENTS[kind]
    code, again = "", b"null"
    try:
        again = document.decode(spoiled).encode()
    except ProtocolError as error:
        code = error.code
    assert code.startswith(("DOCUMENT_", "VENUE_CODE_", "ENVELOPE_")) or json.loads(again) == json.loads(spoiled)
