"""A configuration as a text that a person will read and edit: TOML with a word on each key.

Here: writing. Reading and checking is ``node.config``'s; what is written here is read back and
held against what was meant before it is used.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

_HEAD: Final = """\
# 联评节点配置,由 lianping init 生成,可以修改;密钥和口令不写在这里。
# Configuration of a Lianping node, written by `lianping init`; edit it. No secret is here.
# 查看各项及来源 · every key and its origin:  lianping config show --origin --config {path}
# 改了名称、代码、地址之后 · after changing name, codes or address:  lianping init --config {path}
"""

_COMMENTS: Final[Mapping[str, str]] = {
    "center.role": "center 交易中心, regulator 监管部门 · a center, or a regulator",
    "center.region_code": "GB/T 2260 行政区划代码 · administrative division",
    "center.uscc": "GB 32100 统一社会信用代码 · unified social credit code",
    "listen.peers": "伙伴中心,gRPC + 双向 TLS · partner centers, gRPC over mutual TLS",
    "listen.advertise": "写入名片、伙伴拨打的地址 · what partners dial",
    "listen.api": "本中心人员与系统;前置反向代理 · own people and systems; put a proxy in front",
    "listen.metrics": "Prometheus;不要对外 · never expose",
    "listen.heartbeat_seconds": "空闲时问候伙伴、互相会签的间隔(秒)· heartbeat, seconds",
    "storage.folder": "数据库、密钥、证据日志 · database, keys, evidence log",
    "mode.production": "true 时拒绝任何 stand_in · true refuses every stand_in",
    "trust.suites": "密码套件,首个决定中心编号 · suites; the first makes the center id",
    "adapters.trading": "电子交易系统 · e-trading platform",
    "adapters.trading.pinned_key": "intl-1 协议的名单加密到此公钥 · lists under intl-1",
    "adapters.trading.pinned_key_gm": "gm-1 协议的名单加密到此 SM2 公钥 · lists under gm-1",
    "adapters.messaging": "短信与语音 · SMS and voice",
    "adapters.messaging.receipt_key": "intl-1 回执的签名公钥 · signs records of calls, intl-1",
    "adapters.messaging.receipt_key_gm": "gm-1 回执的签名公钥 · signs records of calls, gm-1",
    "adapters.identity": "身份与人脸核验 · identity and face check",
    "adapters.signing": "电子签名 · electronic signature",
    "adapters.video": "音视频与监控 · audio, video, monitoring",
    "adapters.experts": "评标专家库 · expert library",
}
_STAND_IN: Final = "模拟系统,仅供试用 · STAND-IN, for trials only"


def write(path: str, table: Mapping[str, Any]) -> str:
    """The text of a configuration file.

    Args:
        path: Where it will lie, for its own comments.
        table: Sections of keys, as TOML has them.
    """
    lines = [_HEAD.format(path=path)]
    for name, section in table.items():
        _section(lines, name, section)
    return "\n".join(lines)


def _section(lines: list[str], name: str, section: Mapping[str, Any]) -> None:
    plain = {key: value for key, value in section.items() if not isinstance(value, Mapping)}
    inner = {key: value for key, value in section.items() if isinstance(value, Mapping)}
    if plain or not inner:
        comment = _COMMENTS.get(name, "")
        lines.append(f"[{name}]" + (f"  # {comment}" if comment else ""))
        for key, value in plain.items():
            comment = _COMMENTS.get(f"{name}.{key}", "")
            if (key, value) == ("kind", "stand_in"):
                comment = _STAND_IN
            lines.append(f"{key} = {_value(value)}" + (f"  # {comment}" if comment else ""))
        lines.append("")
    for key, each in inner.items():
        _section(lines, f"{name}.{key}", each)


def _value(value: object) -> str:
    """A value as TOML writes it: JSON's strings, numbers and truth values are TOML's, too."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        # JSON may leave DEL as it is, TOML may not.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Sequence):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return json.dumps(value)
