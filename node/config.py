"""A center's configuration: one TOML file, every key of which the environment can override.

Here: what may be configured, its defaults and limits, and errors that name the key and what
to do. Not here: secrets. A token or key is a file of its own whose *name* is configured, so
that the configuration can be shown to anybody and kept in version control.

``LIANPING_<SECTION>__<KEY>`` overrides a key: ``LIANPING_LISTEN__PEERS=0.0.0.0:7443``.
Unknown keys are errors: a misspelt limit that silently keeps its default is worse than no
start. Only this module reads the environment.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)
from typing_extensions import override

from adapters.messaging.port import Answer
from federation.trust.suite import GM_1, INTL_1
from node import config_guesses as guesses
from node.config_guesses import ENV_DELIMITER, ENV_PREFIX, OPERATOR_PASSWORD, ROOT_PASSPHRASE
from node.config_sections import Invitations, Pool, Regulator, Section, by_suite
from node.config_values import (
    Address,
    DialledAddress,
    RawKey,
    RawSigningKey,
    RegionCode,
    Sm2Key,
    Uscc,
    each_once,
    visible,
)
from node.domain import calendar
from node.domain.calendar import Anchor, Unit
from node.domain.committee import LAW_MINIMUM
from node.domain.workday import midnight_ms

MAX_CONFIG_BYTES: Final = 256 * 1024  # a few dozen keys; more is not a configuration
MAX_SECRET_BYTES: Final = 16 * 1024  # one line: a passphrase, a PIN, a long token
MAX_NAME_CHARS: Final = 128  # fits a page's head line and an SMS
MAX_SIGNERS: Final = 2  # 双人签署; more people than that sign on paper
MAX_TOKEN_CHARS: Final = 32  # CK_TOKEN_INFO.label, PKCS#11 §3.2
MAX_LOST_PERCENT: Final = 50  # a demonstration that loses more does not end
REGULATOR: Final = "regulator"  # the value of center.role


class BadConfig(Exception):
    """The configuration cannot be used; each problem is one line.

    Args:
        path: The file.
        problems: ``section.key: what is wrong; what to do``.
    """

    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        super().__init__("\n".join((f"配置有误 · bad configuration {path}:", *problems)))
        self.problems = tuple(problems)


class Center(Section):
    """Who we are. It stands in our descriptor and in agreements.

    A ``regulator`` (监督部门) has no venues, experts or projects: it contributes random values,
    keeps escrows, cosigns logs, and its officers decide what centers ask of it.
    """

    role: Literal["center", "regulator"] = "center"
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS), AfterValidator(visible)]
    region_code: RegionCode
    phone: Annotated[str, Field(pattern=r"^[0-9+()\- ]{0,32}$")] = ""
    duty_phones: tuple[Annotated[str, Field(pattern=r"^1[0-9]{10}$")], ...] = ()
    uscc: Uscc


class Listen(Section):
    """Where we listen, and where partners dial."""

    peers: Address = "0.0.0.0:7443"
    advertise: DialledAddress
    api: Address = "127.0.0.1:8080"
    metrics: Address = "127.0.0.1:9464"
    heartbeat_seconds: Annotated[int, Field(ge=5, le=3_600)] = 60


class Storage(Section):
    """Database, keys, evidence: everything that must be backed up."""

    folder: Path


class Mode(Section):
    """``production`` refuses every stand-in; it is on unless switched off on purpose.

    ``lose_messages_percent`` loses so many of the messages to partners, to show that nothing
    depends on them; refused in production.
    """

    production: bool = True
    lose_messages_percent: Annotated[int, Field(ge=0, le=MAX_LOST_PERCENT)] = 0

    @model_validator(mode="after")
    def _keeps_messages(self) -> Self:
        if self.production and self.lose_messages_percent:
            raise ValueError(
                "生产模式不得丢弃消息,请删除 mode.lose_messages_percent"
                " · production loses no messages on purpose: remove mode.lose_messages_percent"
            )
        return self


class Trust(Section):
    """Which cryptographic suites this node has keys for and deals under; nothing falls back.

    The root key of the first makes the center id, so the first is never changed. A suite with
    a last day is one that is being given up: no agreement outlasts it, no work begins after it.
    """

    suites: Annotated[
        tuple[Literal["intl-1", "gm-1"], ...], Field(min_length=1), AfterValidator(each_once)
    ] = ("intl-1",)
    intl_1_not_after: date | None = None
    gm_1_not_after: date | None = None

    @property
    def until_ms(self) -> Mapping[str, int | None]:
        """The end of each suite's last day, unix milliseconds; None for no end."""
        last = {INTL_1.suite_id: self.intl_1_not_after, GM_1.suite_id: self.gm_1_not_after}
        return {
            each: None if (day := last[each]) is None else midnight_ms(day + timedelta(days=1))
            for each in self.suites
        }


class KeyHolding(Section):
    """Where new signing keys are made, and how to reach the token in which some are.

    Root, sealing, TLS and data keys are files in any case (``deploy/README.md``).
    """

    provider: Literal["file", "pkcs11"] = "file"
    module: Path | None = None
    token: Annotated[str, Field(min_length=1, max_length=MAX_TOKEN_CHARS)] | None = None
    pin_file: Path | None = None
    file_suites: Annotated[tuple[Literal["intl-1", "gm-1"], ...], AfterValidator(each_once)] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        named = {"module": self.module, "token": self.token, "pin_file": self.pin_file}
        missing = [key for key, value in named.items() if value is None]
        if missing and (self.provider == "pkcs11" or len(missing) < len(named)):
            raise ValueError(
                f"令牌须配置 module、token、pin_file,缺少 · a token needs all three, and lacks: "
                f"{', '.join(missing)}"
            )
        return self

    @property
    def reachable(self) -> tuple[Path, str, Path] | None:
        """Module, label and PIN's file of the token; None if none is configured."""
        if self.module is None or self.token is None or self.pin_file is None:
            return None
        return self.module, self.token, self.pin_file

    def in_token(self, suite_id: str) -> bool:
        """Whether new signing keys of a suite are made in the token."""
        return self.provider == "pkcs11" and suite_id not in self.file_suites


class RestAdapter(Section):
    """An outside system behind its REST API."""

    kind: Literal["rest"]
    url: str
    token_file: Path | None = None
    ca_file: Path | None = None
    plain_http: bool = False


class StandIn(Section):
    """Plays an outside system, loudly. It keeps what it needs in the storage folder."""

    kind: Literal["stand_in"]


class NoSystem(Section):
    """There is no such system: at a regulator, which has nothing to do with any of them."""

    kind: Literal["none"]


class RestTrading(RestAdapter):
    """The e-trading system, with the key that lists are sealed to, for each suite in use."""

    pinned_key: RawKey | None = None
    pinned_key_gm: Sm2Key | None = None

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if not self.pinned_keys:
            raise ValueError(
                "pinned_key(intl-1)与 pinned_key_gm(gm-1)至少配置一个"
                " · needs pinned_key (intl-1) or pinned_key_gm (gm-1), or both"
            )
        return self

    @property
    def pinned_keys(self) -> Mapping[str, bytes]:
        """The raw keys by suite."""
        return by_suite(self.pinned_key, self.pinned_key_gm)


class TradingStandIn(StandIn):
    """``lianping stand-in trading`` at ``url``; its key is taken on first use."""

    url: str
    plain_http: bool = True


class RestMessaging(RestAdapter):
    """The telephone gateway, with its keys that sign the records of calls."""

    receipt_key: RawSigningKey | None = None
    receipt_key_gm: Sm2Key | None = None

    @property
    def receipt_keys(self) -> Mapping[str, bytes]:
        """The raw public keys by suite."""
        return by_suite(self.receipt_key, self.receipt_key_gm)


class MessagingStandIn(StandIn):
    """A spool file; ``answers`` are pressed by the first people called, then all attend."""

    answers: tuple[Answer, ...] = ()


class ExpertsStandIn(StandIn):
    """A file in place of the expert library."""

    file: Path | None = None


Adapter = Annotated[RestAdapter | StandIn | NoSystem, Field(discriminator="kind")]


class Adapters(Section):
    """The outside systems of this center; a regulator has at most ``messaging``."""

    trading: Annotated[RestTrading | TradingStandIn | NoSystem, Field(discriminator="kind")]
    messaging: Annotated[RestMessaging | MessagingStandIn | NoSystem, Field(discriminator="kind")]
    identity: Adapter
    signing: Adapter
    video: Adapter
    experts: Annotated[RestAdapter | ExpertsStandIn | NoSystem, Field(discriminator="kind")]


class Policy(Section):
    """Rules of our own jurisdiction. The agreement's apply beside them; the stricter counts.

    The default draw window is Gansu's: not before half a day ahead of the bid deadline.
    """

    draw_anchor: Anchor = Anchor.BID_DEADLINE
    draw_earliest_offset: Annotated[int, Field(ge=0, le=calendar.MAX_OFFSET)] = 1
    draw_unit: Unit = Unit.HALF_DAY
    members_at_least: Annotated[int, Field(ge=LAW_MINIMUM)] = LAW_MINIMUM
    representatives_at_most: Annotated[int, Field(ge=0)] | None = None
    agreement_signers: Annotated[int, Field(ge=1, le=MAX_SIGNERS)] = 1
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()

    @property
    def draw_window(self) -> calendar.DrawWindow:
        """The same as the domain's rule."""
        return calendar.DrawWindow(self.draw_anchor, self.draw_earliest_offset, self.draw_unit)


class Config(BaseSettings):
    """The whole configuration. Made by ``load``."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=ENV_DELIMITER,
    )

    center: Center
    listen: Listen
    storage: Storage
    mode: Mode = Mode()
    trust: Trust = Trust()
    keys: KeyHolding = KeyHolding()
    adapters: Adapters
    pool: Pool = Pool()
    invitations: Invitations = Invitations()
    policy: Policy = Policy()
    regulator: Regulator = Regulator()

    @property
    def regulates(self) -> bool:
        """Whether this is a regulator's node."""
        return self.center.role == REGULATOR

    @model_validator(mode="before")
    @classmethod
    def _regulators_need_no_systems(cls, table: Any) -> Any:
        center = table.get("center") if isinstance(table, dict) else None
        if not isinstance(center, dict) or center.get("role") != REGULATOR:
            return table
        usual = {each: {"kind": "none"} for each in Adapters.model_fields}
        given = table.get("adapters", {})
        return {**table, "adapters": {**usual, **given} if isinstance(given, dict) else given}

    @model_validator(mode="after")
    def _systems_fit_the_role(self) -> Self:
        kinds = {each: getattr(self.adapters, each).kind for each in Adapters.model_fields}
        absent = [name for name, kind in kinds.items() if kind == "none"]
        if not self.regulates and absent:
            raise ValueError(
                f"adapters.{'、'.join(absent)}: 中心须有这些系统 · a center needs these systems;"
                ' only center.role = "regulator" has none'
            )
        needless = sorted(kinds.keys() - set(absent) - {"messaging"})
        if self.regulates and needless:
            raise ValueError(
                f"adapters.{'、'.join(needless)}: 监管节点没有这些系统,请删除 · a regulator has no"
                " such systems: remove them"
            )
        if self.center.duty_phones and "messaging" in absent:
            raise ValueError(
                "center.duty_phones: 发送短信须配置 adapters.messaging · text messages need"
                " adapters.messaging"
            )
        return self

    @model_validator(mode="after")
    def _answers_can_count(self) -> Self:
        gateway = self.adapters.messaging
        if self.mode.production and not self.regulates and isinstance(gateway, RestMessaging):
            missing = [
                _RECEIPT_KEYS[each]
                for each in self.trust.suites
                if each not in gateway.receipt_keys
            ]
            if missing:
                raise ValueError(
                    f"adapters.messaging 缺少 {'、'.join(missing)}:没有网关签名公钥,答复不能计入"
                    f" · lacks {', '.join(missing)}: without the gateway's key for each suite of"
                    " trust.suites no expert's answer counts"
                )
        return self

    @model_validator(mode="after")
    def _lists_can_be_sealed(self) -> Self:
        trading = self.adapters.trading
        if isinstance(trading, RestTrading):
            missing = [
                _PINNED_KEYS[each] for each in self.trust.suites if each not in trading.pinned_keys
            ]
            if missing:
                raise ValueError(
                    f"adapters.trading 缺少 {'、'.join(missing)}:trust.suites 的每个套件各需一个"
                    f" · lacks {', '.join(missing)}: each suite of trust.suites needs one"
                )
        return self

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment first, then the file; no others."""
        return env_settings, init_settings


def read(path: Path) -> tuple[str, dict[str, Any]]:
    """A configuration's text, and what it says; nothing is held against anything yet.

    Raises:
        BadConfig: It cannot be read, or is not TOML.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_CONFIG_BYTES + 1)  # a device has no end
    except OSError as error:
        raise BadConfig(path, [f"无法读取 · cannot be read: {error.strerror}"]) from error
    if len(raw) > MAX_CONFIG_BYTES:
        raise BadConfig(path, [f"超过 {MAX_CONFIG_BYTES} 字节 · is larger than that"])
    try:
        text = raw.decode("utf-8-sig")
        return text, tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadConfig(path, [f"不是 TOML(UTF-8)· is not TOML in UTF-8: {error}"]) from error


def load(path: Path) -> Config:
    """Read a configuration and hold it against everything it must keep.

    Raises:
        BadConfig: It cannot be read, or something in it is wrong; every problem is named.
    """
    return check(path, read(path)[1])


def check(path: Path, table: Mapping[str, Any]) -> Config:
    """What ``read`` gave, with the environment's overrides, as a configuration.

    Raises:
        BadConfig: Something in it is wrong; every problem is named.
    """
    unknown = guesses.unknown_variables(os.environ, Config)  # noqa: TID251 - the one reader
    if unknown:
        raise BadConfig(path, unknown)
    try:
        return Config(**table)
    except ValidationError as error:
        raise BadConfig(
            path, [guesses.sentence(each, Config) for each in error.errors()]
        ) from error
    except SettingsError as error:
        raise BadConfig(
            path,
            [f"环境变量 · environment: {error}; 列表和日期写成 JSON · lists are written as JSON"],
        ) from error


def overrides() -> dict[tuple[str, ...], str]:
    """The environment variables that override a key: the key's path to the variable's name."""
    return {
        guesses.path_of(name): name
        for name in os.environ  # noqa: TID251 - the one reader
        if guesses.overrides(name)
    }


_RECEIPT_KEYS: Final = {INTL_1.suite_id: "receipt_key", GM_1.suite_id: "receipt_key_gm"}
_PINNED_KEYS: Final = {INTL_1.suite_id: "pinned_key", GM_1.suite_id: "pinned_key_gm"}


def read_secret(path: Path) -> str:
    """The one line of a secret's file.

    Raises:
        BadConfig: It cannot be read, or others than its owner and group can read it.
    """
    try:
        if path.stat().st_mode & 0o007:
            raise BadConfig(path, ["其他用户可读,请执行 chmod o-rwx · is open to everybody"])
        with path.open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise BadConfig(path, [f"无法读取 · cannot be read: {error.strerror}"]) from error
    text = raw.decode("utf-8-sig", errors="replace").strip()
    if len(raw) > MAX_SECRET_BYTES or "\n" in text or "\ufffd" in text:
        raise BadConfig(path, ["应为一行 UTF-8 文字 · must be one line of text in UTF-8"])
    return text


def password_from_environment() -> str | None:
    """``LIANPING_OPERATOR_PASSWORD``, for ``init`` inside a container."""
    return os.environ.get(OPERATOR_PASSWORD)  # noqa: TID251 - the one reader


def passphrase_from_environment() -> str | None:
    """``LIANPING_ROOT_PASSPHRASE``, for ``init`` inside a container."""
    return os.environ.get(ROOT_PASSPHRASE)  # noqa: TID251 - the one reader
