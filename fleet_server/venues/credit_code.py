"""Unified social credit codes (统一社会信用代码, GB 32100-2015). Pure.

18 characters: authority, kind, six digits of region, nine of the organisation code (GB 11714) and one check character
by the same scheme as venue codes.
"""

import re

from device.protocol.venue_code import ALPHABET, check_character
from fleet_server.http_errors import ProblemError

_FORM = re.compile(f"[{ALPHABET}]{{2}}[0-9]{{6}}[{ALPHABET}]{{8}}[0-9X][{ALPHABET}]")


def require_credit_code(text: str) -> str:
    """The code itself. Raises ProblemError CREDIT_CODE_FORM or CREDIT_CODE_CHECK."""
    if not _FORM.fullmatch(text):
        raise ProblemError("CREDIT_CODE_FORM", "18 digits and capital letters without I, O, S, V, Z; region in digits")
    if check_character(text[:17]) != text[17]:
        raise ProblemError("CREDIT_CODE_CHECK")
    return text
