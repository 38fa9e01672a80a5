"""How ``lianping init`` asks: in a terminal, one thing at a time, each answer checked at once.

What is asked for is what flags and the file of answers left open; where nobody can be asked,
defaults count. Not here: secrets (``node.commands.init_secrets``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from federation.trust.suite import SuiteUnavailable, suite
from node.commands import answers
from node.commands.answers import Table
from node.commands.founding import Report
from node.commands.link import CannotDo
from node.config import REGULATOR
from node.config_values import RawKey, RawSigningKey, Sm2Key
from node.services.errors import Invalid

DEFAULT_STORAGE: Final = "/var/lib/lianping"

T = TypeVar("T")

_ASKED: Final = (
    ("center.name", "中心名称 · center's name", None),
    ("center.uscc", "统一社会信用代码 · unified social credit code", None),
    ("center.region_code", "行政区划代码 · administrative division (GB/T 2260)", None),
    ("listen.advertise", "伙伴拨打的 主机:端口 · host:port that partners dial", None),
    ("listen.peers", "伙伴端口,监听于 · peers' port, listen on", "0.0.0.0:7443"),
    ("listen.api", "本中心接口,监听于 · own people's API, listen on", "127.0.0.1:8080"),
    ("listen.metrics", "指标,监听于 · metrics, listen on", "127.0.0.1:9464"),
    ("storage.folder", "数据目录 · storage folder", DEFAULT_STORAGE),
)
_PINNED: Final[Mapping[str, tuple[str, str, Any]]] = {
    "intl-1": ("pinned_key", "X25519 公钥(Base64)· its public key for intl-1", RawKey),
    "gm-1": ("pinned_key_gm", "SM2 公钥(Base64)· its public key for gm-1", Sm2Key),
}
"""What lists are sealed to at the e-trading system, for each suite that is spoken."""
_RECEIPTS: Final[Mapping[str, tuple[str, str, Any]]] = {
    "intl-1": (
        "receipt_key",
        "回执签名 Ed25519 公钥(Base64)· signs records",
        RawSigningKey,
    ),
    "gm-1": ("receipt_key_gm", "回执签名 SM2 公钥(Base64)· signs records", Sm2Key),
}
"""What the telephone gateway signs records of calls with; no answer counts without."""
LISTENING: Final = ("listen.peers", "listen.api", "listen.metrics")


@dataclass(slots=True)
class Run:
    """One run of the command: where answers come from, and what came of it."""

    config_path: Path
    interactive: bool
    as_json: bool
    init: dict[str, str]
    report: Report = field(default_factory=Report)

    def tell(self, zh: str, en: str) -> None:
        """Say something to a person; programs read standard output."""
        click.echo(f"{zh}\n  {en}", err=self.as_json)

    def file(self, key: str) -> Path | None:
        """A file of the table ``[init]`` or its flag."""
        return Path(self.init[key]) if key in self.init else None

    def ask(self, text: str, check: Callable[[str], T], **options: Any) -> T:
        """Ask until the answer will do."""

        def checked(value: str) -> T:
            try:
                return check(value)
            except Invalid as error:
                raise click.BadParameter(f"{error.zh} · {error.en}") from error
            except ValueError as error:
                raise click.BadParameter(str(error)) from error

        return click.prompt(text, value_proc=checked, err=self.as_json, **options)  # type: ignore[no-any-return]


def complete(run: Run, given: Table, trading_url: str | None) -> Table:
    """All answers: those given, those asked for, and what a trial needs."""
    table: Table = {each: {} for each in ("center", "listen", "storage", "mode", "trust")}
    if run.interactive:
        run.tell("联评节点设立。方括号内为默认值,直接回车采用。",
                 "Setting up a Lianping node. Enter takes what is in brackets.")  # fmt: skip
    for key, text, default in _ASKED:
        value = get(given, key)
        if value is None and run.interactive:
            value = run.ask(text, _checker(key), default=default)
        elif value is None:
            value = default
        if value is not None:
            put(table, key, str(Path(value).absolute()) if key == "storage.folder" else value)
    suites = get(given, "trust.suites")
    if suites is None and run.interactive:
        suites = run.ask(
            "密码套件,可多选,逗号分隔 · suites, separated by commas (intl-1, gm-1)",
            _suites, default="intl-1",
        )  # fmt: skip
    put(table, "trust.suites", suites or ["intl-1"])
    for each in table["trust"]["suites"]:
        check_suite(each)
    production = get(given, "mode.production")
    regulates = get(given, "center.role") == REGULATOR  # it has no outside systems to play
    if production is None and run.interactive and not regulates:
        production = not click.confirm(
            "以模拟的外部系统试用? · A trial, with stand-ins for all outside systems?",
            default=False, err=run.as_json,
        )  # fmt: skip
    put(table, "mode.production", True if production is None else production)
    if not regulates:
        table["adapters"] = given.get("adapters") or _adapters(run, table, trading_url)
    return answers.merge(table, given)


def _adapters(run: Run, table: Table, trading_url: str | None) -> dict[str, Any]:
    if not get(table, "mode.production"):
        click.secho(
            "!!! 试用:全部外部系统均为模拟,不得用于真实项目 · TRIAL: every outside system is a "
            "STAND-IN; not for real projects !!!",
            fg="red", bold=True, err=True,
        )  # fmt: skip
        return answers.stand_ins(trading_url or answers.TRADING_STAND_IN)
    if not run.interactive:
        raise CannotDo(
            "正式运行须说明各外部系统:用 --from 给出 [adapters.*],或用 --trial 试用",
            "a node in earnest needs its outside systems: give [adapters.*] with --from FILE "
            "(see deploy/node.example.toml), or take --trial",
        )
    adapters: dict[str, Any] = {}
    for each in answers.ADAPTERS:
        adapters[each] = {
            "kind": "rest",
            "url": run.ask(f"{each}: REST 地址 · URL", _not_empty),
        }
        token = run.ask(f"{each}: 令牌文件,可空 · token file, may be empty", str, default="")
        if token:
            adapters[each]["token_file"] = token
    for suite_id in table["trust"]["suites"]:
        key, text, shape = _PINNED[suite_id]
        adapters["trading"][key] = run.ask(f"trading: {text}", _shaped(shape))
    for suite_id in table["trust"]["suites"]:
        key, text, shape = _RECEIPTS[suite_id]
        adapters["messaging"][key] = run.ask(f"messaging: {text}", _shaped(shape))
    return adapters


def check_suite(suite_id: str) -> None:
    """This machine has the suite's algorithms. Raises CannotDo."""
    try:
        suite(suite_id).ready()
    except SuiteUnavailable as error:
        raise CannotDo(f"本机不支持密码套件 {suite_id}", str(error)) from error


def _checker(key: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        answers.check(key, value)
        if key in LISTENING:
            answers.check_port(value)
        return value

    return check


def _shaped(shape: Any) -> Callable[[str], str]:
    def check(value: str) -> str:
        answers.check_shape(shape, value.strip())
        return value.strip()

    return check


def _suites(value: str) -> list[str]:
    found = [each.strip() for each in value.split(",")]
    answers.check("trust.suites", found)
    return found


def _not_empty(value: str) -> str:
    if not value.strip():
        raise ValueError("不能为空 · must not be empty")
    return value.strip()


def get(table: Any, key: str) -> Any:
    """The value of ``section.key``, or None."""
    section, _, name = key.partition(".")
    return table.get(section, {}).get(name)


def put(table: Table, key: str, value: Any) -> None:
    """Set the value of ``section.key``."""
    section, _, name = key.partition(".")
    table.setdefault(section, {})[name] = value
