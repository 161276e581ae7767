"""The two languages of the tools: data goes to stdout, talk to stderr, every sentence in zh and en.

Sentences for codes that travel between programs come from `device/protocol/codes.py`; those below are the
tools' own.
"""

import sys
from typing import Final

from device.protocol.codes import MESSAGES
from provisioning.errors import ProvisioningError

LANGUAGES: Final = ("zh", "en")

OWN_MESSAGES: Final[dict[str, tuple[str, str]]] = {
    "FILE_FAILED": ("文件读写失败。", "A file cannot be read or written."),
    "ROOT_UNSOUND": ("信任根无效。", "The root of trust is not sound."),
    "THRESHOLD_SHORT": ("须由两名保管人用不同密钥签名。", "Two custodians must sign, with different keys."),
    "KEY_FILE": ("密钥文件无法使用。", "The key file cannot be used."),
    "PEOPLE_FILE": ("人员文件有误。", "The people file is not right."),
    "FLEET_NOT_READY": (
        "监管平台目录尚未初始化：先运行 frontbox-fleet init。",
        "The fleet directory is not ready: run `frontbox-fleet init` first.",
    ),
    "CEREMONY_OTHER_ROOT": (
        "监管平台已有另一信任根，不得覆盖。",
        "The fleet has another root of trust already; it is not replaced.",
    ),
    "ROOT_VERSION": (
        "信任根只能逐版轮换：请填现行版本加一。",
        "A root follows the one before it: name the version in force plus one.",
    ),
    "CUSTODIAN_UNKNOWN": ("没有此编号的保管人。", "There is no custodian of this number."),
    "CEREMONY_MISSING": ("密钥仪式目录不完整。", "The ceremony directory is not complete."),
    "BUNDLE_FILE": ("升级包文件无法使用。", "The bundle file cannot be used."),
    "BUNDLE_VERSION": (
        "此版本号已发布过其他内容，请换版本号。",
        "This version is published with other contents; take another.",
    ),
    "BUNDLE_EPOCH": (
        "安全版本与镜像不符：它写在 device/drivers/image.py 中。",
        "The image has another security epoch: it stands in device/drivers/image.py.",
    ),
    "VOUCHER_FILE": ("绑定凭证文件无法使用。", "The voucher file cannot be used."),
    "BOX_UNREACHABLE": (
        "连不上前置机：请检查网线、地址和电源。",
        "The box does not answer: check cable, address and power.",
    ),
    "BOX_ANSWER": ("前置机的回答无法识别。", "The box gave an answer that is not understood."),
    "LABEL_FILE": ("标签文件无法使用。", "The label file cannot be used."),
    "VENUE_OTHER": (
        "场所编码与凭证不符，请对照许可证。",
        "The venue code is not the voucher's; compare with the licence.",
    ),
    "BOX_OTHER": ("网络上的前置机与标签不符。", "The box on the network is not the one on the label."),
}


class Voice:
    """Speaks one language; results to stdout, all other talk to stderr."""

    def __init__(self, language: str, quiet: bool = False) -> None:
        self._zh = language == "zh"
        self._quiet = quiet

    def say(self, zh: str, en: str) -> None:
        if not self._quiet:
            print(self.choose(zh, en), file=sys.stderr)

    def fail(self, error: ProvisioningError) -> None:
        """One line: what happened, the code, the detail for engineers."""
        known = OWN_MESSAGES.get(error.code) or MESSAGES.get(error.code) or ("操作未完成。", "This was not done.")
        sentence = self.choose(error.zh or known[0], error.en or known[1])
        print(f"{sentence} [{error.code}]" + (f" {error.detail}" if error.detail else ""), file=sys.stderr)

    def choose(self, zh: str, en: str) -> str:
        return zh if self._zh else en
