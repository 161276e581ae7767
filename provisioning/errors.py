"""What stops a tool, named for the person at the keyboard."""


class ProvisioningError(Exception):
    """A step that cannot go on; `code` is stable, the sentences for people stand in `wording.py`."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
