"""What each finding of a joint test is called, and what to do when it fails.

For people of both languages: the names themselves (``clock_skew``) are for programs. A name
that we do not know is a newer peer's, and is shown as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

ADAPTER: Final = "adapter:"


@dataclass(frozen=True, slots=True)
class Advice:
    """A finding's title, and one sentence on what to do when it failed."""

    zh: str
    en: str
    todo_zh: str
    todo_en: str


_KNOWN: Final[Mapping[str, Advice]] = MappingProxyType(
    {
        "name_resolution": Advice(
            "域名解析", "name resolution",
            "检查本节点的DNS设置,并与对方核对名片中的地址",
            "check this machine's DNS, and the address in the peer's descriptor",
        ),
        "tcp_connect": Advice(
            "网络连接", "TCP connection",
            "请双方网络管理员核对防火墙、端口和专线,并确认对方节点已启动",
            "check firewalls, port and line on both sides, and that the peer's node is running",
        ),
        "tls_pin": Advice(
            "证书核对", "TLS certificate pin",
            "对方出示的证书与登记的不符:请电话核对指纹后重新登记对方名片,不符时立即停用",
            "the peer shows another certificate than pinned: compare fingerprints on the phone and"
            " pin its newest descriptor; if they differ, stop",
        ),
        "certificates": Advice(
            "证书有效期", "certificates' dates",
            "由证书过期的一方更换TLS证书并发布新名片,再由对方登记",
            "the side whose certificate expired renews it and publishes a new descriptor",
        ),
        "descriptor": Advice(
            "名片新旧", "descriptor freshness",
            "登记对方最新的名片",
            "pin the peer's newest descriptor",
        ),
        "clock_skew": Advice(
            "时钟偏差", "clock skew",
            "用可靠的时间源(NTP)校准双方服务器时钟后重新测试",
            "set both clocks by a reliable source (NTP), then test again",
        ),
        "round_trip": Advice(
            "往返时延", "round trip",
            "线路过慢:请网络管理员检查专线带宽和拥塞",
            "the line is slow: have its bandwidth and load checked",
        ),
        "loss": Advice(
            "丢失率", "loss",
            "线路不稳定或对方拒绝应答:按括号中的原因处理,并检查线路质量",
            "the line loses calls, or the peer refuses them: see the reason, check the line",
        ),
        "signature_round_trip": Advice(
            "签名互验", "signature round trip",
            "双方重新登记对方最新名片,并确认各自使用名片中的消息密钥",
            "pin each other's newest descriptors; each must sign with the key it publishes",
        ),
        "agreement_digest": Advice(
            "协议一致", "equal agreement",
            "双方生效的协议不是同一份:核对版本,完成尚缺的签署",
            "the two hold different agreements: compare versions, finish the missing signature",
        ),
        "suite_self_test": Advice(
            "密码套件自检", "suite self-test",
            "本机密码库不可用或结果有误:安装或修复系统的libcrypto后重新启动节点",
            "the cryptographic library is missing or wrong: mend libcrypto, restart the node",
        ),
        "rehearsal_booking": Advice(
            "预约演练", "rehearsal booking",
            "请副场导入场地席位,或换一个时间重新测试",
            "have the sub-venue import its seats, or test again at another time",
        ),
        "rehearsal_draw": Advice(
            "抽取演练", "rehearsal draw",
            "双方抽取结果不一致:停止抽取,核对双方软件版本后联系供应方",
            "the two draws differ: hold no draw, compare versions, call the supplier",
        ),
        "report": Advice(
            "报告双签", "report signed by both",
            "双方对结果的记录不一致:按差异逐项核对,必要时向协议约定的联系人反映",
            "the two reports differ: go through the differences, call the agreement's contact",
        ),
        "ended": Advice(
            "测试中断", "broken off",
            "按原因处理后重新测试",
            "see to the reason, then test again",
        ),
    }
)  # fmt: skip


def advice(name: str) -> Advice:
    """What a finding is called and what to do about it."""
    if name.startswith(ADAPTER):
        system = name.removeprefix(ADAPTER)
        return Advice(
            f"外部系统 {system}",
            f"outside system {system}",
            f"由该侧检查外部系统 {system} 的地址、凭据和运行状态",
            f"that side checks address, credentials and state of {system}",
        )
    unknown = Advice(name, name, "请查看说明并联系对方", "see what was measured, ask the peer")
    return _KNOWN.get(name, unknown)
