"""What stops a tool, named for the person at the keyboard."""


class ProvisioningError(Exception):
    """A step that cannot go on.

    `code` is stable; its sentences stand in `wording.py`, unless the box or the fleet sent its own (`zh`, `en`).
    """

    def __init__(self, code: str, detail: str = "", zh: str = "", en: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.zh = zh
        self.en = en
