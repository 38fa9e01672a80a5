"""The outside systems that a configuration names, as adapters.

Stand-ins are refused in production and announced loudly elsewhere. They keep their files in
``stand-in/`` of the storage folder, so that a demonstration leaves nothing anywhere else.
"""

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final, TypeVar

from typing_extensions import override

from adapters.absent import Absent
from adapters.experts.port import ExpertLibrary
from adapters.experts.rest import RestExpertLibrary
from adapters.experts.stand_in import FileExpertLibrary, write_export
from adapters.http_client import OutsideHttp
from adapters.identity.port import Identity
from adapters.identity.rest import RestIdentity
from adapters.identity.stand_in import StandInIdentity
from adapters.messaging.gateway import GatewayMessaging
from adapters.messaging.port import Answer, Happened, Messaging
from adapters.messaging.stand_in import SpoolMessaging
from adapters.outside import Outside, announce_stand_in
from adapters.signing.port import Signing
from adapters.signing.rest import RestSigning
from adapters.signing.stand_in import FolderSigning
from adapters.trading.port import RosterReceipt, TradingSystem
from adapters.trading.rest import RestTradingSystem
from adapters.trading.stand_in import INTL_1 as SEALED_BY_HPKE
from adapters.trading.stand_in import Scheme
from adapters.video.port import Video
from adapters.video.rest import RestVideo
from adapters.video.stand_in import FolderVideo
from federation.evidence import call_record
from federation.evidence.call_record import CallRecord
from federation.trust.errors import CannotOpen, SuiteUnavailable
from federation.trust.suite import GM_1, INTL_1, suite
from node import config
from node.clock import SystemClock, SystemRandom
from node.config import Config, NoSystem, RestAdapter, RestMessaging, StandIn, TradingStandIn

STAND_IN_FOLDER: Final = "stand-in"
SYNTHETIC_EXPERTS: Final = 40  # enough to import and look at
_RECEIPT_KEY: Final = "receipt-key."  # and the suite
_FIRST_USE: Final = "trading.sealing-key."  # and the suite

Log = Callable[[str], None]
S = TypeVar("S")
P = TypeVar("P", bound=StandIn)


class StandInRefused(Exception):
    """A stand-in is configured in production."""


class FirstUseTrading(TradingSystem):
    """The stand-in e-trading server, whose keys are taken on first use and kept.

    For demonstrations only: what makes a seal worth something is the pin that two people
    exchanged, and here nobody has.

    Args:
        http: The connection to it.
        folder: Where its keys are kept after the first use.
    """

    def __init__(self, *, http: OutsideHttp, folder: Path) -> None:
        self._http = http
        self._folder = folder
        self._systems: dict[str, RestTradingSystem] = {}

    @property
    @override
    def stand_in(self) -> bool:
        return True

    @override
    async def self_test(self) -> None:
        await (await self._pinned(INTL_1.suite_id)).self_test()

    @override
    async def aclose(self) -> None:
        await self._http.aclose()

    @override
    async def sealing_key(self, suite: str) -> bytes:
        return await (await self._pinned(suite)).sealing_key(suite)

    @override
    async def deliver_roster(
        self, suite: str, draw_id: str, revision: int, info: bytes, sealed: bytes
    ) -> RosterReceipt:
        system = await self._pinned(suite)
        return await system.deliver_roster(suite, draw_id, revision, info, sealed)

    async def _pinned(self, suite: str) -> RestTradingSystem:
        if suite not in self._systems:
            kept = self._folder / f"{_FIRST_USE}{suite}"
            if not kept.exists():
                key = (await self._http.get_json(f"/sealing-keys/{suite}")).binary("public_key")
                kept.write_bytes(key)
            self._systems[suite] = RestTradingSystem(
                http=self._http, pinned_keys={suite: kept.read_bytes()}, stand_in=True
            )
        return self._systems[suite]


def stand_in_schemes() -> tuple[Scheme, ...]:
    """All suites of this machine, for the stand-in e-trading server to open."""

    def gm_opened(private: bytes, info: bytes, sealed: bytes) -> bytes:
        try:
            return GM_1.unseal(private, info, sealed)
        except CannotOpen as error:
            raise ValueError(str(error)) from error

    try:
        GM_1.ready()
    except SuiteUnavailable:
        return (SEALED_BY_HPKE,)  # who asks for a key of gm-1 is told that there is none
    return (
        SEALED_BY_HPKE,
        Scheme(
            suite=GM_1.suite_id,
            new_private=lambda: GM_1.new_private(SystemRandom().bytes),
            public=GM_1.public_sealing,
            open=gm_opened,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outsides:
    """All outside systems of one node."""

    trading: TradingSystem
    messaging: Messaging
    identity: Identity
    signing: Signing
    video: Video
    experts: ExpertLibrary

    def named(self) -> Mapping[str, Outside]:
        """Each by the name of its configuration section."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    async def aclose(self) -> None:
        """Let go of all connections."""
        for outside in self.named().values():
            await outside.aclose()


def check_production(settings: Config) -> None:
    """Refuse stand-ins where they must not be.

    Raises:
        StandInRefused: Names every one.
    """
    if not settings.mode.production:
        return
    found = [
        name
        for name in type(settings.adapters).model_fields
        if getattr(settings.adapters, name).kind == "stand_in"
    ]
    if found:
        names = ", ".join(found)
        raise StandInRefused(
            f"生产模式下拒绝模拟系统:{names}。请配置真实系统,或设 mode.production = false"
            f" · production refuses stand-ins: {names}; configure the real systems"
        )


def connect(settings: Config, log: Log) -> Outsides:
    """Make the adapters. Nothing is contacted yet.

    Raises:
        StandInRefused: See ``check_production``.
        ValueError: An address cannot be used; the words name the system.
        BadConfig: A token's file cannot be read.
    """
    check_production(settings)
    chosen = settings.adapters
    folder = settings.storage.folder / STAND_IN_FOLDER
    trading: TradingSystem
    if isinstance(chosen.trading, NoSystem):
        trading = Absent("trading")
    elif isinstance(chosen.trading, TradingStandIn):
        announce_stand_in("电子交易系统", "e-trading system", log)
        folder.mkdir(parents=True, exist_ok=True)
        trading = FirstUseTrading(
            http=OutsideHttp(
                system="trading",
                base_url=chosen.trading.url,
                plain_http=chosen.trading.plain_http,
            ),
            folder=folder,
        )
    else:
        trading = RestTradingSystem(
            http=_http("trading", chosen.trading),
            pinned_keys=chosen.trading.pinned_keys,
        )
    gateway_keys = (
        chosen.messaging.receipt_keys if isinstance(chosen.messaging, RestMessaging) else {}
    )
    return Outsides(
        trading=trading,
        messaging=_made(
            "messaging",
            chosen.messaging,
            lambda http: GatewayMessaging(http=http, receipt_keys=gateway_keys),
            lambda played: _spool(settings, played.answers, folder / "messaging", log),
        ),
        identity=_made(
            "identity",
            chosen.identity,
            lambda http: RestIdentity(http=http),
            lambda _: StandInIdentity(log=log),
        ),
        signing=_made(
            "signing",
            chosen.signing,
            lambda http: RestSigning(http=http),
            lambda _: FolderSigning(folder=folder / "signing", log=log),
        ),
        video=_made(
            "video",
            chosen.video,
            lambda http: RestVideo(http=http),
            lambda _: FolderVideo(folder=folder / "video", log=log),
        ),
        experts=_made(
            "experts",
            chosen.experts,
            lambda http: RestExpertLibrary(http=http),
            lambda played: _expert_file(settings, played.file, folder / "experts.csv", log),
        ),
    )


def _made(
    system: str,
    chosen: RestAdapter | P | NoSystem,
    real: Callable[[OutsideHttp], S],
    played: Callable[[P], S],
) -> S | Absent:
    """What a section asks for: the system itself, a stand-in, or none."""
    if isinstance(chosen, NoSystem):
        return Absent(system)
    if isinstance(chosen, RestAdapter):
        return real(_http(system, chosen))
    return played(chosen)


def _spool(settings: Config, answers: Sequence[Answer], folder: Path, log: Log) -> SpoolMessaging:
    """The stand-in gateway, with signing keys of its own, made when it is first used."""
    clock = SystemClock()
    folder.mkdir(parents=True, exist_ok=True)
    private: dict[str, bytes] = {}
    for suite_id in settings.trust.suites:
        kept = folder / f"{_RECEIPT_KEY}{suite_id}"
        if not kept.exists():
            kept.touch(mode=0o600)
            kept.write_bytes(suite(suite_id).new_private(SystemRandom().bytes))
        private[suite_id] = kept.read_bytes()

    def recorded(suite_id: str, happened: Happened) -> bytes:
        record = CallRecord(**asdict(happened), placed_ms=clock.now_ms(), ended_ms=clock.now_ms())
        return call_record.write(record, suite_id, suite(suite_id).signer(private[suite_id]))

    return SpoolMessaging(
        folder=folder,
        answers=answers,
        recorder=recorded,
        receipt_keys={name: suite(name).public_signing(key) for name, key in private.items()},
        log=log,
    )


def _expert_file(
    settings: Config, configured: Path | None, usual: Path, log: Log
) -> FileExpertLibrary:
    """The configured file, or one with a few made-up people so that self-tests find one."""
    if configured is None and not usual.exists():
        write_export(
            usual, seed=1, count=SYNTHETIC_EXPERTS, region=settings.center.region_code, prefix="ST"
        )
    return FileExpertLibrary(path=configured or usual, log=log)


def _http(system: str, adapter: RestAdapter) -> OutsideHttp:
    tls: ssl.SSLContext | None = None
    if adapter.ca_file is not None:
        tls = ssl.create_default_context(cafile=str(adapter.ca_file))
    return OutsideHttp(
        system=system,
        base_url=adapter.url,
        token="" if adapter.token_file is None else config.read_secret(adapter.token_file),
        tls=tls,
        plain_http=adapter.plain_http,
    )
