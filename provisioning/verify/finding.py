"""What is wrong with an evidence file: one finding, the first, with the entry it concerns if there is one."""

# By code, the sentence in Chinese and in English.
SENTENCES: dict[str, tuple[str, str]] = {
    "FILE_UNREADABLE": ("证据文件无法读取", "the evidence file cannot be read"),
    "ARCHIVE_DAMAGED": ("证据包损坏或被截断", "the archive is damaged or truncated"),
    "ARCHIVE_FORM": ("证据包不是规范格式", "the archive is not in its one canonical form"),
    "FILE_MISSING": ("证据包缺少文件", "a file is missing from the archive"),
    "FILE_CHANGED": ("文件与清单不符", "a file is not the one in the manifest"),
    "ROOT_UNREADABLE": ("信任根文件无法使用", "the trust root cannot be used"),
    "ROOT_OTHER": ("证据不属于此信任根", "the evidence belongs to another trust root"),
    "POLICY_UNTRUSTED": ("授权名单签名不可信", "the authority policy is not signed by those who may sign it"),
    "CERTIFICATE_UNTRUSTED": ("前置机证书不可信", "the box's certificate is not of this platform"),
    "INFO_MALFORMED": ("证据说明有误", "the description of the evidence is not sound"),
    "ENTRY_MALFORMED": ("记录格式有误", "the entry is malformed"),
    "ENTRY_OTHER": ("记录属于另一台前置机或序号不连续", "the entry is of another box, or out of sequence"),
    "ENTRY_CHANGED": ("记录被改动、调换或缺失", "the entry was changed, swapped or left out"),
    "ENTRY_UNSIGNED": ("记录没有前置机签名覆盖", "the entry is covered by no signature of the box"),
    "CHECKPOINT_INVALID": ("检查点签名无效", "a checkpoint is not validly signed by the box"),
    "ACK_INVALID": ("平台回执无效", "an acknowledgement is not validly signed by the platform"),
}


class FindingError(Exception):
    """The first thing that is wrong; `epoch` and `seq` name the entry, or are None."""

    def __init__(self, code: str, detail: str = "", epoch: int | None = None, seq: int | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.epoch = epoch
        self.seq = seq

    @property
    def entry(self) -> str:
        """`EPOCH-SEQ`, or empty."""
        return "" if self.seq is None else f"{self.epoch}-{self.seq}"
