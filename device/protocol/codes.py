"""Every code a person or program may meet, with its sentence in Chinese and English (SPEC 18).

A sentence says what happened and what to do next. It names no secret and, to a guest, no reason (domain rule: a
refusal shows the guest a neutral text).
"""

from device.protocol.errors import ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PLAYS = {
    "SONG_UNKNOWN": (
        "这首歌不在批准曲库中，请另选一首。",
        "This song is not in the approved catalog. Please choose another.",
    ),
    "SONG_BANNED": ("这首歌不能播放，请另选一首。", "This song cannot be played. Please choose another."),
    "SONG_RENAMED": (
        "这首歌不在核准曲库中，请另选一首。",
        "This file is another song of the catalog. Please choose that one.",
    ),
    "SONG_NOT_HERE": (
        "这首歌在本地区不能播放，请另选一首。",
        "This song may not be played in this region. Please choose another.",
    ),
    "SONG_NOT_NOW": (
        "这首歌目前不能播放，请另选一首。",
        "This song may not be played at this time. Please choose another.",
    ),
    "SONG_FILE": (
        "这首歌的文件与批准曲库不符，请重新下载。",
        "This song's file is not the one of the approved catalog. Fetch it again.",
    ),
    "VENUE_LOCKED": (
        "本场所已被依法停止经营，详情见前置机状态页。",
        "This venue is stopped by order. See the box's status page.",
    ),
    "VENUE_READY": (
        "停业期限已满，请在点歌系统上确认恢复营业。",
        "The suspension is over. Confirm in the song system that the venue reopens.",
    ),
    "ROOM_LOCKED": (
        "本包房已被依法停止使用，详情见前置机状态页。",
        "This room is stopped by order. See the box's status page.",
    ),
    "HOURS_CLOSED": ("凌晨 2 点至 8 点依法不得营业。", "By law no song may start between 02:00 and 08:00."),
    "LEASE_CORE_ONLY": (
        "本机长时间离线，目前只可点播核心曲库。",
        "Off line for long: only songs of the core catalog for now.",
    ),
    "LEASE_EXPIRED": (
        "前置机离线过久，请恢复网络后重试。",
        "The box has been off line for too long. Restore its network.",
    ),
    "JOURNAL_UNAVAILABLE": (
        "点播记录无法保存，暂停点播，请联系运维。",
        "Plays cannot be recorded, so none may start. Call support.",
    ),
    "JOURNAL_FULL": (
        "点播记录已满，不能开始新的点播，请恢复网络以便上传。",
        "The play journal is full, so no song may start. Restore the network.",
    ),
    "BOX_UNCLAIMED": (
        "前置机尚未绑定场所，请联系安装人员。",
        "The box is not bound to a venue yet. Call the installer.",
    ),
    "BOX_RESTRICTED": (
        "前置机状态记录受损，恢复联网后自动恢复。",
        "The box's state is damaged. It recovers on contact with the platform.",
    ),
    "VERSION_OLD": (
        "当前运行的是旧版本，不能点播；前置机会自动换回，如未恢复请联系客服。",
        "An older version runs, so none may play. The box changes back by itself; else call support.",
    ),
    "PLAY_UNKNOWN": ("没有这次点播的记录，请核对点播编号。", "There is no such play. Check the play's id."),
    "PLAYS_TOO_MANY": (
        "同时播放的包房过多，请先结束其他播放。",
        "Too many plays run at once. End others first.",
    ),
}
DOCUMENTS = {
    "DOCUMENT_MALFORMED": (
        "文件格式不正确，请按接口规范重新生成。",
        "The document is malformed. Make it again as the specification says.",
    ),
    "DOCUMENT_TOO_LARGE": (
        "文件超过大小上限，请拆分后重试。",
        "The document is too large. Split it and try again.",
    ),
    "DOCUMENT_VERSION": (
        "不支持的文件版本，请升级后重试。",
        "This version of the document is not supported. Upgrade first.",
    ),
    "ENVELOPE_TYPE": (
        "签名文件的类型不符，请核对用途。",
        "The signed document is of another type than expected here.",
    ),
    "SIGNATURE_INVALID": (
        "签名无效：内容被改动或密钥不符。",
        "The signature is not valid: altered content or another key.",
    ),
    "SIGNER_UNKNOWN": ("签名人不在授权名单中。", "No signature is of anyone who may sign this."),
    "ROOT_DUPLICATE_KEY": (
        "信任根无效：同一密钥以两个编号出现。",
        "The trust root is not valid: one key appears under two ids.",
    ),
    "VENUE_CODE_FORM": (
        "场所编码格式不对：应为 15 位，以 J01 开头。",
        "The venue code has a wrong form: 15 characters, J01 first.",
    ),
    "VENUE_CODE_CHECK": (
        "场所编码校验位不对，请对照许可证重新输入。",
        "The venue code's check character is wrong. Compare with the licence.",
    ),
    "POLICY_ROLLBACK": (
        "授权名单版本比现有的旧，已拒绝。",
        "The authority policy is older than the one in force.",
    ),
}
ORDERS = {
    "ORDER_MALFORMED": (
        "指令内容不完整或有误，请重新起草。",
        "The order is incomplete or wrong. Draft it again.",
    ),
    "ORDER_THRESHOLD": (
        "指令须由两名执法人员签名，目前不足。",
        "An order needs the signatures of two officers. One is missing.",
    ),
    "ORDER_SAME_PERSON": (
        "起草人不能复核自己的指令，须由另一人签名。",
        "Both signatures are of one person. Another officer must sign.",
    ),
    "ORDER_DRAFTER": (
        "起草人没有签名，请由起草人重新签署。",
        "The drafter has not signed. The drafter must sign first.",
    ),
    "ORDER_NOT_ENTITLED": ("签名人无权签发此类指令。", "A signer may not sign this kind of order."),
    "ORDER_REGION": ("该机关对此地区没有管辖权。", "This authority has no power over that region."),
    "ORDER_SCOPE_LIMIT": (
        "一次涉及的场所超过本级上限，请报上级。",
        "The order names more venues than this level may. Ask the level above.",
    ),
    "ORDER_REPLAYED": (
        "这份指令已处理过，不再重复执行。",
        "This order was handled before. Nothing has changed.",
    ),
    "ORDER_EQUIVOCATION": (
        "同一编号出现两份不同的指令，请立即核查。",
        "Two different orders bear one number. Investigate at once.",
    ),
    "ORDER_EXPIRED": ("指令已超过有效期，请重新签发。", "The order has expired. Issue a new one."),
    "ORDER_NOT_ADDRESSED": ("指令不是发给本场所的。", "The order is not for this venue."),
    "SEAL_OPEN": ("封签仍处于打开状态，请先合上。", "The seal is open. Close it first."),
    "SEAL_OPENING": (
        "指令针对的不是最近一次开封，请重新起草。",
        "The order is not about the seal's last opening. Draft a new one.",
    ),
    "ORDER_TOO_MANY": (
        "前置机保存的指令已达上限，请联系运维。",
        "The box holds as many orders as it can. Call support.",
    ),
    "ORDER_UNKNOWN": ("没有这份指令，请核对编号。", "There is no such order. Check its number."),
    "ORDER_ALREADY_APPROVED": ("这份指令已经复核签发。", "This order is approved already."),
    "NOTICE_MALFORMED": (
        "通知内容不完整或有误，请重新编写。",
        "The notice is incomplete or wrong. Write it again.",
    ),
    "NOTICE_ISSUER": ("通知须由署名人本人签名。", "The notice is not signed by the person it names."),
    "NOTICE_NOT_ENTITLED": ("签名人无权发布通知。", "The signer may not issue notices."),
    "NOTICE_REGION": ("该机关对此地区没有管辖权。", "This authority has no power over that region."),
    "NOTICE_SCOPE_LIMIT": (
        "通知涉及的场所超过本级上限，请报上级。",
        "The notice names more venues than this level may.",
    ),
    "NOTICE_REPLAYED": ("这份通知已收到过。", "This notice was received before."),
    "NOTICE_EQUIVOCATION": (
        "同一编号出现两份不同的通知，请核查。",
        "Two different notices bear one number. Investigate.",
    ),
    "NOTICE_EXPIRED": ("通知已过展示期。", "The notice is past the time it is to be shown."),
    "NOTICE_NOT_ADDRESSED": ("通知不是发给本场所的。", "The notice is not for this venue."),
    "NOTICE_TOO_MANY": ("展示中的通知已达上限。", "The box shows as many notices as it can."),
    "NOTICE_UNKNOWN": ("没有这条通知，请核对编号。", "There is no such notice. Check its number."),
}
FLEET = {
    "LEASE_NOT_OURS": ("租约不是发给本机、本场所或本地区的。", "The lease is for another box, venue or region."),
    "LEASE_NONCE": ("租约不是对本机本次请求的答复。", "The lease does not answer what this box asked."),
    "LEASE_TIME": (
        "租约的时间与本机可证明的时间不符，已拒绝。请校准本机时钟。",
        "The lease says another time than the box can witness. It was rejected. Set the box's clock right.",
    ),
    "LEASE_ROLLBACK": ("租约编号比现有的旧，已拒绝。", "The lease is older than the one in force."),
    "CATALOG_ROLLBACK": ("曲库版本比现有的旧，已拒绝。", "The catalog is older than the one in force."),
    "CATALOG_MALFORMED": (
        "曲库文件损坏，继续使用现有曲库。",
        "The catalog file is damaged. The one in force stays.",
    ),
    "CATALOG_TOO_LARGE": ("曲库条目超过上限。", "The catalog has more entries than allowed."),
    "CATALOG_DUPLICATE": ("曲库中有重复的歌曲编号。", "Two songs of the catalog have one id."),
    "CONTENT_UNTRUSTED": (
        "下载内容的签名或摘要不符，已拒绝。",
        "Downloaded content is not signed or not what was signed.",
    ),
    "CONTENT_UNAUTHENTIC": (
        "卡上的内容不是本机写入的，已不使用，将重新获取。",
        "Content on the card was not written by this box. It is not used and fetched again.",
    ),
    "CONTENT_UNREADABLE": (
        "卡上的内容缺失或读不出来，本机将自动重新下载。",
        "Content on the card is missing or cannot be read. The box fetches it again by itself.",
    ),
    "CONTENT_UNREACHABLE": (
        "暂时下载不到平台内容，稍后自动重试。",
        "Content cannot be fetched now. The box tries again by itself.",
    ),
    "CONTENT_EXPIRED": (
        "平台内容的签名已过期，暂不更新，现有内容继续使用。",
        "The signatures of the platform's content have expired. What is in force stays.",
    ),
    "UPDATE_UNTRUSTED": ("升级包签名不可信，已拒绝。", "The update is not signed by those who may sign it."),
    "UPDATE_INCOMPATIBLE": ("升级包不适用于本型号。", "The update is for another kind of box."),
    "UPDATE_DOWNGRADE": (
        "升级包的安全版本低于现有版本，已拒绝。",
        "The update's security epoch is below the one that runs.",
    ),
    "UPDATE_DIGEST": (
        "升级包写入后校验不符，已放弃。",
        "What was written is not what was signed. The update is given up.",
    ),
    "UPDATE_UNHEALTHY": (
        "新版本自检未通过，已退回原版本。",
        "The new version failed its health test and was rolled back.",
    ),
    "UPDATE_BUSY": ("另一项升级正在进行，请稍后重试。", "Another update is under way. Try again later."),
    "BATCH_IDENTITY": (
        "上报数据的身份不一致，已拒绝。",
        "The batch, its topic and its entries name different boxes.",
    ),
    "BATCH_CHAIN": ("上报数据的链条断裂，已拒绝。", "The entries do not continue the journal's chain."),
    "BATCH_FORK": (
        "同一序号出现两条不同记录，已立案核查。",
        "An entry differs from the one received before. An incident is open.",
    ),
    "BATCH_GAP": (
        "上报数据有缺口，已请求补传。",
        "Entries are missing before this batch. The box is asked for them.",
    ),
    "BATCH_EPOCH": ("日志纪元不符，已拒绝。", "The journal epoch is not the one that is expected."),
}
ENROLMENT = {
    "ALREADY_ENROLLED": ("前置机已完成出厂登记。", "The box is enrolled already."),
    "ALREADY_CLAIMED": ("前置机已绑定场所。", "The box is bound to a venue already."),
    "NOT_ENROLLED": ("前置机尚未完成出厂登记。", "The box is not enrolled at the factory yet."),
    "VOUCHER_UNKNOWN": (
        "没有这张凭证，请向平台重新申请。",
        "There is no such voucher. Ask the platform for a new one.",
    ),
    "VOUCHER_USED": ("这张凭证已使用过，请申请新的。", "This voucher has been used. Ask for a new one."),
    "VOUCHER_EXPIRED": ("凭证已过期，请申请新的。", "The voucher has expired. Ask for a new one."),
    "VOUCHER_PROOF": ("凭证与前置机或场所不符。", "The voucher does not belong to this box and venue."),
    "CSR_MALFORMED": ("证书申请格式不正确。", "The certificate request is malformed."),
    "BOX_UNKNOWN": ("平台没有这台前置机的登记。", "The platform does not know this box."),
    "BOX_REVOKED": ("这台前置机已被停用。", "This box has been revoked."),
    "CLAIM_NONCE": ("认领请求已过时，请重试。", "The claim answers a nonce that is too old. Try again."),
    "VENUE_TAKEN": ("该场所已有前置机，请先停用原机。", "The venue has a box. Revoke that one first."),
    "VENUE_UNKNOWN": ("平台没有这个场所编码。", "The platform does not know this venue code."),
    "CERTIFICATE_EXPIRED": (
        "该证书不能用作凭证：已过期，或不是签发给本机的。",
        "This certificate proves nothing: it has expired or was not issued to this box.",
    ),
    "FLEET_UNREACHABLE": (
        "连不上平台，请检查网络后重试。",
        "The platform cannot be reached. Check the network and try again.",
    ),
}
HARDWARE = {
    "JOURNAL_NEARLY_FULL": (
        "点播记录将满，请尽快恢复网络以便上传。",
        "The play journal is nearly full. Restore the network soon.",
    ),
    "JOURNAL_DAMAGED": (
        "点播日志受损，已封存受损部分，请联系运维。",
        "The journal is damaged. What is left is kept. Call support.",
    ),
    "STATE_UNAVAILABLE": ("状态记录无法保存，请联系运维。", "The box's state cannot be saved. Call support."),
    "STATE_DAMAGED": ("状态记录受损，恢复联网后自动恢复。", "The box's state is damaged. It recovers on contact."),
    "SETTINGS_UNAVAILABLE": ("设置无法读取或保存，请联系运维。", "The settings cannot be read or saved. Call support."),
    "SETTINGS_FALLBACK": (
        "设置文件有误，正在使用上一次有效的设置，请改正后重启。",
        "The settings file is wrong; the last good one is in use. Correct it and restart.",
    ),
    "DISK_FULL": (
        "存储空间已满，新的曲库和升级包放不下。请联系技术支持。",
        "The disk is full: no new catalog or update fits. Call support.",
    ),
    "DISK_STALLED": (
        "存储卡没有响应，暂时无法记录点播，正在等待其恢复。",
        "The disk does not answer, so no play can be recorded. The box waits for it.",
    ),
    "SERIAL_DOWN": ("串口不可用，正在自动重试。", "The serial line is down. The box tries again by itself."),
    "UPLINK_DOWN": (
        "连不上平台，正在自动重试。",
        "The platform is out of reach. The box tries again by itself.",
    ),
    "UPLINK_NAME": (
        "平台的域名解析不到，请检查场所网络的 DNS。",
        "The platform's name has no address. Check the network's DNS.",
    ),
    "UPLINK_TLS": (
        "无法与平台建立安全连接。请检查网络中是否有拦截设备，并联系技术支持。",
        "No secure connection to the platform. Check for a device in between, then call support.",
    ),
    "UPLINK_REFUSED": (
        "平台暂不接受连接，正在自动重试。",
        "The platform does not take the connection now. The box tries again by itself.",
    ),
    "CERTIFICATE_ENDS": (
        "本机证书即将到期，尚未换新。请检查网络，仍不行请联系技术支持。",
        "The box's certificate ends soon and was not renewed. Check the network, then call support.",
    ),
    "UPLINK_HOSTILE": (
        "冒充平台的一方不守协议，连接已断开。请联系技术支持。",
        "What answers as the platform breaks the protocol. The connection was ended. Call support.",
    ),
    "WATCHDOG_FAILED": ("看门狗故障，请联系运维。", "The watchdog has failed. Call support."),
    "SLOT_FAILED": (
        "系统分区写入失败，仍运行原版本。",
        "The other slot cannot be written. The version that runs stays.",
    ),
    "BOARD_FAILED": ("主板接口故障，请联系运维。", "The board does not answer. Call support."),
    "IDENTITY_UNAVAILABLE": (
        "证书和密钥无法保存，请联系运维。",
        "Key and certificates cannot be saved. Call support.",
    ),
    "IDENTITY_DAMAGED": (
        "证书或密钥受损，或不属于本机，请联系运维。",
        "Key or certificates are damaged, or of another board. Call support.",
    ),
    "LAN_UNAVAILABLE": (
        "局域网接口无法启动，请检查地址和端口。",
        "The LAN interface cannot start. Check address and port.",
    ),
}
HTTP = {
    "TOKEN_MISSING": ("缺少访问令牌，请先配对。", "The access token is missing. Pair first."),
    "TOKEN_UNKNOWN": ("访问令牌无效，请重新配对。", "The access token is not valid. Pair again."),
    "PAIRING_CODE": ("机身标签码不对，请对照机身重新输入。", "The label code is wrong. Compare with the box's label."),
    "HOST_FOREIGN": ("请求的主机名不被接受。", "Requests under this host name are not accepted."),
    "ORIGIN_FOREIGN": ("不接受来自其他网站的请求。", "Requests from other sites are not accepted."),
    "NOT_FOUND": ("没有这个地址。", "There is nothing at this address."),
    "METHOD_NOT_ALLOWED": ("此地址不支持该方法。", "This address does not take that method."),
    "BODY_TOO_LARGE": ("请求内容过大。", "The request body is too large."),
    "CONTENT_TYPE": ("请求内容须为 JSON。", "The request body must be JSON."),
    "REQUEST_MALFORMED": (
        "请求内容有误，请按接口规范修改。",
        "The request is malformed. See the interface description.",
    ),
    "REQUEST_TIMEOUT": ("请求接收超时。", "The request took too long to arrive."),
    "BOX_STARTING": ("前置机正在启动，请稍后重试。", "The box is starting. Ask again in a moment."),
    "TOO_MANY_REQUESTS": ("请求过于频繁，请稍后重试。", "Too many requests. Try again later."),
    "TOO_MANY_CONNECTIONS": ("连接过多，请先关闭其他连接。", "Too many connections. Close others first."),
    "INTERNAL": (
        "内部错误，已记录，请凭请求编号联系运维。",
        "Internal error. It is recorded; quote the request id to support.",
    ),
}

MESSAGES: "dict[str, tuple[str, str]]" = PLAYS | DOCUMENTS | ORDERS | FLEET | ENROLMENT | HARDWARE | HTTP


def refusal(code: str, request_id: str) -> "dict[str, Any]":
    """The body of every refusal and error (SPEC 15.2)."""
    zh, en = MESSAGES[code]
    return {"code": code, "message_zh": zh, "message_en": en, "request_id": request_id}


def refusal_of(error: ProtocolError, request_id: str) -> "dict[str, Any]":
    """The body for an error of this package. The detail stays behind: it is for engineers, not for strangers."""
    return refusal(error.code, request_id)
