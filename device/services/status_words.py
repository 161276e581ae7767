"""The sentences of the status page, Chinese and English side by side.

What happened, why, and what to do; no sentence blames, none needs the manual.
"""

Words = tuple[str, str]

LANGUAGES = ("zh-CN", "en")

# state -> tone, shape, headline, sentence
STATES: dict[str, tuple[str, str, Words, Words]] = {
    "in-service": (
        "good",
        "check",
        ("正常营业", "In service"),
        ("点播经本机核验并记录。", "Plays are checked and recorded by this box."),
    ),
    "ready": (
        "warn",
        "ring",
        ("停业期限已满，待确认恢复", "The suspension is over: confirm to reopen"),
        (
            "请在点歌系统上确认恢复营业；确认前各包房不得点播。",
            "Confirm in the song system that the venue reopens; until then no room may play.",
        ),
    ),
    "locked": (
        "stop",
        "octagon",
        ("已依法停止经营", "Stopped by order"),
        (
            "所有包房不得点播。依据见下；如有异议，请持文书号联系发文机关。",
            "No room may play. The order is shown below; to object, contact its authority with the document number.",
        ),
    ),
    "closed": (
        "warn",
        "moon",
        ("非营业时段", "Outside opening hours"),
        ("每日 2 时至 8 时不得营业，8 时自动恢复。", "By law closed from 02:00 to 08:00; opens by itself at 08:00."),
    ),
    "expired": (
        "stop",
        "clock",
        ("离线过久，已暂停点播", "Off line for too long: plays are suspended"),
        (
            "请检查场所网络；连上平台后自动恢复。",
            "Please check the venue's network; service resumes by itself on contact with the platform.",
        ),
    ),
    "unclaimed": (
        "idle",
        "ring",
        ("尚未绑定场所", "Not bound to a venue yet"),
        ("请安装人员用绑定凭证完成绑定。", "The installer completes this with the claim voucher."),
    ),
    "failed": (
        "stop",
        "cross",
        ("本机故障，已暂停点播", "This box has failed: plays are suspended"),
        (
            "点播无法可靠记录。本机会自行重试；持续出现请联系运维。",
            "Plays cannot be recorded reliably. The box keeps trying; if this stays, call support.",
        ),
    ),
    "starting": (
        "idle",
        "ring",
        ("正在启动", "Starting"),
        ("稍候片刻，本页会自动更新。", "One moment; this page follows by itself."),
    ),
}

# Of the state `failed`, by code: headline, sentence.
FAILURES: dict[str, tuple[Words, Words]] = {
    "BOX_RESTRICTED": (
        ("等待平台核对，暂停点播", "Plays are suspended until the platform has checked this box"),
        (
            "本机的状态记录丢失、被改动或被换回旧的，可能缺少指令。",
            "The record of this box was lost, changed or put back, so orders may be missing.",
        ),
    ),
    "CONTENT_UNREADABLE": (
        ("授权名单缺失或损坏，暂停点播", "The list of authorities is missing or damaged: plays are suspended"),
        (
            "名单写明哪些执法人员可以签令；没有它，本机无法核对指令。",
            "It names the officers who may sign orders; without it this box cannot check any.",
        ),
    ),
    "JOURNAL_FULL": (
        ("点播记录已满，暂停点播", "The play journal is full: plays are suspended"),
        ("平台尚未签收的记录不得删除。", "Records that the platform has not acknowledged are never deleted."),
    ),
}
# What to do next, by code.
STEPS: dict[str, Words] = {
    "BOX_RESTRICTED": (
        "请保持场所联网：平台补齐指令并发来租约后约 1 分钟自动恢复，场所不能解除。联网 10 分钟未恢复，请联系运维。",
        (
            "Keep the venue on line: the platform sends the orders and a lease, and about a minute later plays resume. "
            "The venue cannot end it. If it stays for 10 minutes on line, call support."
        ),
    ),
    "CONTENT_UNREADABLE": (
        "请保持场所联网，未连上时检查网线和路由器：本机自动重新下载，随后恢复点播。联网 10 分钟未恢复，请联系运维。",
        (
            "Keep the venue on line, and check cable and router if it is not: the box fetches the list by itself, then "
            "plays resume. If it stays for 10 minutes on line, call support."
        ),
    ),
    "JOURNAL_FULL": (
        "请恢复场所网络：记录上传并由平台签收后自动恢复点播。",
        "Restore the venue's network: plays resume once the records are sent and acknowledged.",
    ),
    "VENUE_READY": (
        "本页不能确认。点歌系统上没有此项的，由其厂商用配对令牌发送 POST /v1/reopen，或在串口上发送 reopen。",
        (
            "This page cannot do it. Where the song system has no button for it, its vendor sends POST /v1/reopen with "
            "the pairing token, or reopen on the serial line."
        ),
    ),
}

TITLE: Words = ("前置机状态", "Front-end box status")
PRODUCT: Words = ("前置机", "Front-end box")
OTHER_LANGUAGE: Words = ("English", "中文")
LOST: Words = (
    "与前置机的连接已断开，正在重连；下面是断开前的内容。",
    "The link to the box is lost; reconnecting. What you see is from before.",
)

OFFLINE: Words = (
    "暂时连不上平台，业务不受影响；记录已存，连上后自动上传。",
    "The platform cannot be reached; business goes on. Records are kept and sent later.",
)
OFFLINE_CLOSED: Words = (
    "暂时连不上平台；记录已存，连上后自动上传。",
    "The platform cannot be reached. Records are kept and sent later.",
)
CUT_SOON: Words = ("正在播放的歌曲将在 {} 秒后停止。", "Songs that play now end in {} s.")

CLOSES_SOON: Words = ("凌晨 2 时打烊，还有 {} 分钟。", "The venue closes at 02:00, in {} min.")
LEASE_SOON: Words = (
    "离线较久：{} 起只能点播核心曲库，{} 起停止点播。请恢复场所网络。",
    "Off line for long: from {} only the core catalog may play, from {} nothing. Please restore the venue's network.",
)
CORE_ONLY: Words = (
    "离线较久，现在只能点播核心曲库，{} 起停止点播；记录已存。请恢复场所网络。",
    "Off line for long: only songs of the core catalog may play, and none from {}. Please restore the venue's network.",
)

STOP_ORDERS: Words = ("停止经营的依据", "Why the venue is stopped")
ROOM_ORDERS: Words = ("停用包房的依据", "Why rooms are stopped")
ROOMS_LOCKED: Words = (
    "以下包房已依法停用，其余包房照常：{}。依据见下。",
    "These rooms are stopped by order, all others go on: {}. The order is shown below.",
)
SEAL_ALARM: dict[str, Words] = {
    "open": (
        "机箱封签已打开，已上报；不影响点播。请合上机箱并联系运维，由执法人员签令解除告警。",
        "The seal of the case is open, and reported; it stops no play. Close it, call support; an order clears it.",
    ),
    "was-opened": (
        "机箱封签曾被打开，已上报；不影响点播。待核查后由执法人员签令解除告警。",
        "The seal of the case was opened, and reported; it stops no play. After a check officers clear the alarm.",
    ),
}
BAN_ORDERS: Words = ("禁播指令", "Songs banned by order")
NOTICES: Words = ("通知", "Notices")
FACTS: Words = ("本机", "This box")
REJECTED: Words = ("最近未接受的文件", "Documents lately not accepted")

FAULTS: Words = ("故障", "Out of order")

ORDER: Words = ("指令号", "Order")
DOCUMENT: Words = ("文书号", "Document")
AUTHORITY: Words = ("发文机关（行政区划）", "Authority (region code)")
ISSUED: Words = ("签发时间", "Issued")
UNTIL: Words = ("截止", "Until")
NO_END: Words = ("至解除为止", "until it is lifted")
ROOMS_STOPPED: Words = ("停用包房", "Rooms stopped")
BANNED_COUNT: Words = ("涉及 {} 项", "items named: {}")
NOTICE_KINDS: dict[str, Words] = {
    "notice": ("通知", "Notice"),
    "announcement": ("公告", "Announcement"),
    "warning": ("警示", "Warning"),
}

VENUE: Words = ("场所编码", "Venue code")
REGION: Words = ("行政区划", "Region code")
PLATFORM: Words = ("平台连接", "Platform")
CONNECTED: Words = ("已连接", "connected")
NOT_CONNECTED: Words = ("未连接", "not connected")
TIME: Words = ("可信时间", "Trusted time")
TIME_QUALITY: dict[str, Words] = {
    "signed": ("本次开机后经平台签名确认", "signed by the platform since this start"),
    "held": ("沿用上次确认的时间，仅作下限", "carried over from before this start, a lower bound"),
    "none": ("尚未取得", "not yet known"),
}
LEASE: Words = ("租约", "Lease")
LEASE_TEXT: Words = (
    "第 {} 号：全部曲目至 {}，此后仅核心曲库，最迟至 {}",
    "No. {}: all songs until {}, then the core catalog, until {}",
)
LEASE_WARNING: Words = ("临近到期，请检查网络", "runs out soon: check the network")
NO_LEASE: Words = ("尚无租约", "none yet")
CATALOG: Words = ("批准曲库", "Approved catalog")
CATALOG_TEXT: Words = ("第 {} 版，{} 首", "edition {}, {} songs")
NO_CATALOG: Words = ("尚未取得", "none yet")
JOURNAL: Words = ("点播记录", "Play journal")
JOURNAL_TEXT: Words = ("{} 条，平台已签收 {} 条", "{} entries, {} acknowledged by the platform")
HEAD: Words = ("记录链头", "Journal head")
ROOMS: Words = ("正在点播的包房", "Rooms singing")
SEAL: Words = ("封签", "Seal")
SEALS: dict[str, Words] = {
    "intact": ("完好", "intact"),
    "open": ("已打开，已上报", "open; the platform is told"),
    "was-opened": ("曾被打开，待核查解除", "was opened; to be inspected and cleared"),
}
VERSION: Words = ("软件版本", "Software")
VERSION_TEXT: Words = ("{}，槽 {}，第 {} 次开机", "{}, slot {}, boot {}")
UPDATE: Words = ("更新", "Update")
UPDATES: dict[str, Words] = {
    "downloading": ("正在下载", "downloading"),
    "written": ("已写入，待包房空闲后启用", "written, waits until no room sings"),
    "armed": ("即将重启", "restarting soon"),
    "trial": ("试运行", "on trial"),
    "confirmed": ("已确认", "confirmed"),
    "rolled-back": ("已回退到原版本", "rolled back"),
    "rejected": ("未接受", "rejected"),
}
