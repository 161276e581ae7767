"""What is wrong with a document, named for the one who must act (SPEC 18).

Every error carries the stable code that people, logs and the other side see; `detail` is for engineers and says which
rule, what came and what was wanted. The sentences for people are in `codes.py`.
"""


class ProtocolError(Exception):
    """A document, frame or name that is not accepted."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class MalformedError(ProtocolError):
    """The bytes do not have the form that SPEC gives them: the sender's defect."""


class SignatureError(ProtocolError):
    """Nobody who may say this has said it: forged, altered, or signed by a stranger."""


class RejectedError(ProtocolError):
    """Sound and signed, and yet not to be followed: replayed, expired, not entitled, for somebody else."""
