"""Puts one node together: every object once, in the order in which they need each other.

Here: which implementation stands behind which port, and nothing that decides anything. Not
here: starting and stopping (``node.serving``), the adapters (``node.outside``).

The graph has cycles that are the domain's own: the negotiator runs the reactions, the
reactions' errands need the negotiator, a joint test needs the outbox. They are closed by
functions that look the other up when they are called.
"""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from federation.engine.agreed import Dealing
from federation.engine.alarms import Alarms
from federation.engine.doorkeeper import Doorkeeper
from federation.engine.negotiator import Negotiator
from federation.engine.outbox import Outbox, Peek
from federation.engine.pauses import Door, PausableTransport, Pauses
from federation.engine.witness import Witness
from federation.ids import CenterId
from federation.protocol.conversation import Kind
from federation.transport.certificates import Certificates
from federation.transport.client import GrpcTransport
from federation.transport.line import Line
from federation.transport.pumps import Pumps
from federation.transport.server import Server
from federation.trust.keyring import Keyring
from node import logs, outside
from node.api.commands import Commands
from node.api.parts import Parts
from node.clock import SystemClock, SystemRandom, stamp
from node.config import Config, KeyHolding
from node.keystore import chain
from node.keystore import keys as keystore
from node.keystore.backups import Backups
from node.keystore.keys import Keys
from node.keystore.renewal import Renewal
from node.keystore.rotation import wardrobe
from node.links import Bells, Links
from node.lossy import lossy
from node.metrics import Metrics
from node.outside import Outsides
from node.probes import Probes
from node.rooms import Rooms
from node.services import descriptors, expiry, forks
from node.services.accounts import Accounts
from node.services.afterwards import Outward
from node.services.answers import Answers
from node.services.availability import Availability
from node.services.booking_plan import LocalRules
from node.services.bookings import Bookings
from node.services.declining import of_role
from node.services.dossiers import Dossiers
from node.services.errands import Errands, Handler
from node.services.experts import Experts
from node.services.feeds import Feeds
from node.services.holidays import Holidays
from node.services.house import Desk, House
from node.services.joining import Joining
from node.services.joint_checks import JointChecks
from node.services.joint_signing import ReportSigners
from node.services.joint_tests import JointTests
from node.services.maintenance import Maintenance
from node.services.notices import Notice
from node.services.peering import Peering
from node.services.peers import Peers
from node.services.pool_epochs import PoolEpochs
from node.services.projects import Projects
from node.services.recovering import Recovering
from node.services.rehearsal_calendar import RehearsalCalendar
from node.services.replanning import Replanning
from node.services.selections import Selections
from node.services.session_archive import SessionArchive
from node.services.sessions import Sessions
from node.services.timetable import Timetable
from node.services.todo_clock import TodoClock
from node.services.todos import Todos
from node.services.usage import UsageStatements
from node.services.venues import Venues
from node.services.why import Whys
from node.store import migrations
from node.store.cipher import NONCE_BYTES, ColumnCipher
from node.store.database import Database, StoreFull, StoreUnavailable
from node.store.ledger import SqlLedger
from node.store.ledger_store import LedgerStore
from node.store.peers import known_to

DISTRIBUTION: Final = "lianping-node"
KEYS_FOLDER: Final = "keys"
DATABASE_FILE: Final = "node.db"
DOSSIER_FOLDER: Final = "dossiers"

LOG: Final = logs.logger("node.wiring")


class HalfAFolder(Exception):
    """The storage folder has a database but no keys: starting would lose everything."""


def version() -> str:
    """The installed distribution's version; of a source tree nobody installed, "source"."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "source"


def open_keys(folder: Path, holding: KeyHolding = keystore.FILES) -> Keys:
    """The node's keys, as ``lianping init`` made them.

    Raises:
        HalfAFolder: There is a database whose keys are missing.
        BadKeys: There are none, they are damaged, open to others, or in a token that is not there.
        SuiteUnavailable: This machine lacks the algorithms of one of our suites.
    """
    keys = folder / KEYS_FOLDER
    if not chain.exists(keys) and (folder / DATABASE_FILE).exists():
        raise half_a_folder(folder)
    return keystore.load(keys, holding)


def half_a_folder(folder: Path) -> HalfAFolder:
    """A database without its keys, said so that nobody makes new ones."""
    return HalfAFolder(
        f"{folder} 有数据库而没有密钥,请恢复备份 · has a database but no keys: restore a backup "
        "of the whole folder; new keys would be another center"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node, put together but not started."""

    parts: Parts
    database: Database
    outsides: Outsides
    transport: GrpcTransport
    server: Server
    pumps: Pumps[SqlLedger]
    probes: Callable[[Callable[[], bool]], Probes]

    async def close(self) -> None:
        """Close transport, database and adapters, in this order."""
        await self.transport.close()
        await self.database.close()
        await self.outsides.aclose()


async def assemble(config: Config, keys: Keys) -> Node:
    """Open the database and make everything that stands on it.

    Raises:
        StandInRefused, ValueError, BadConfig: See ``outside.connect``.
        StoreUnavailable, ForeignFile, MigrationError: The database cannot be used.
    """
    async with AsyncExitStack() as stack:
        outsides = outside.connect(config, LOG.warning)
        stack.push_async_callback(outsides.aclose)
        node = await _assemble(config, keys, outsides, stack)
        stack.pop_all()
    return node


async def _assemble(config: Config, keys: Keys, outsides: Outsides, stack: AsyncExitStack) -> Node:
    clock, random = SystemClock(), SystemRandom()
    identity = keys.identity()
    if chain.published(keys.descriptor) != chain.named(config):
        LOG.warning(
            "配置与已公布的名片不同,伙伴看到的仍是旧的:接上根密钥,执行 lianping init"
            " · the configuration differs from the published descriptor, and partners see the "
            "latter: attach the root key and run lianping init"
        )
    lacking = [each for each in config.trust.suites if each not in identity.suites]
    if lacking:
        LOG.warning(
            "配置 trust.suites 中的套件尚无密钥,不会使用:执行 lianping keys rotate --add"
            " · trust.suites names suites that have no keys here and are not used: run lianping"
            " keys rotate --add",
            suites=lacking,
        )
    keyring = Keyring()
    metrics = Metrics(keyring, version())
    bells = Bells()
    links = Links(metrics, bells)

    database = await Database.open(
        config.storage.folder / DATABASE_FILE,
        group_observer=metrics.committed,
        outage_observer=metrics.outage,
    )
    stack.push_async_callback(database.close)
    applied = await database.alone(
        lambda connection: migrations.migrate(connection, migrations.load(), clock.now_ms())
    )
    if applied:
        LOG.info("the database was migrated", files=[each.file_name for each in applied])
    pauses = Pauses()
    peers = Peers(keyring, pauses, metrics.paused)
    await database.read(peers.load)
    for peer, sequence in await database.read(known_to):
        identity.learned(CenterId(peer), sequence)

    cipher = ColumnCipher(keys.data, lambda: random.bytes(NONCE_BYTES))
    rooms = Rooms(config, cipher, keyring, outsides)

    async def greet(peer: CenterId) -> Peek:
        return await outbox.greet(peer)

    venues = Venues()
    tests = JointTests(
        agreements=rooms.agreements,
        checks=JointChecks(
            identity=identity,
            keyring=keyring,
            greet=greet,
            line=Line(),
            clock=clock,
            random=random.bytes,
            self_tests=[(name, each.self_test) for name, each in outsides.named().items()],
        ),
        calendar=RehearsalCalendar(venues),
        fits=ReportSigners(keyring).fits,
    )
    peering = Peering(tests=tests, pools=rooms.pools)
    usage = UsageStatements(peering)
    notice = Notice(outsides.messaging, config.center.duty_phones)
    bookings = Bookings(
        venues=venues,
        in_force=rooms.agreements.in_force,
        tested=peering.passed_recently,
        local=LocalRules(
            config.policy.members_at_least,
            config.policy.representatives_at_most,
            config.pool.small_stratum,
        ),
        notice=notice,
        outward=Outward(
            self_tests=[(name, each.self_test) for name, each in outsides.named().items()],
            calling_off=rooms.calling_off,
        ),
    )
    lottery = Selections(
        cipher=cipher,
        venues=venues,
        partners=rooms.agreements.partners,
        tested=peering.passed_recently,
        booker=bookings.bundling,
    )
    bookings.bundling.draw_with(lottery)
    archive = SessionArchive(
        video=outsides.video,
        cipher=cipher,
        bookings=bookings,
    )
    sessions = Sessions(draws=rooms.draws, archive=archive, cipher=cipher)
    negotiator = Negotiator(
        store=LedgerStore(database),
        identity=identity,
        keyring=keyring,
        inside=House(
            of_role(
                config.regulates,
                {
                    Kind.AGREEMENT: rooms.agreements,
                    Kind.PEERING: usage,
                    Kind.BOOKING: bookings,
                    Kind.DRAW: rooms.draws,
                    Kind.SESSION: sessions,
                    Kind.SELECTION: lottery,
                    Kind.CONTRIBUTION: rooms.draws.contributions,
                    Kind.OVERSIGHT: rooms.oversight,
                },
            ),
            introduced=descriptors.note,
        ),
        questions=Answers(
            venues=venues, in_force=rooms.agreements.in_force, decisions=bookings.decisions
        ),
        listener=links,
        clock=clock,
        random=random,
        name=config.center.name,
        software=f"{DISTRIBUTION} {version()}",
        doorkeeper=Doorkeeper(identity, keyring),
        witness=Witness(identity=identity, keyring=keyring, observe=links.seen, tell=forks.tell),
        dealing=Dealing(config.trust.until_ms),
    )
    rooms.bind(negotiator, sessions)
    certificates = Certificates(
        identity=identity,
        keyring=keyring,
        keys=wardrobe(config.storage.folder / KEYS_FOLDER, identity.center),
        now_ms=clock.now_ms,
    )
    transport = GrpcTransport(
        keyring=keyring, keys=certificates, now_ms=clock.now_ms, observe=links.calling
    )
    outbox = Outbox(
        negotiator=negotiator,
        transport=PausableTransport(
            lossy(transport, config.mode.lose_messages_percent, random.fraction), pauses
        ),
        observe=links.delivered,
        watch=links.broken,
    )
    bookings.decisions.bind(negotiator, outbox.ask, bookings)
    errands = Errands(
        negotiator=negotiator,
        handlers=_merged(
            bookings.handlers(),
            rooms.draws.errands.handlers(),
            sessions.handlers(),
            peering.handlers(),
            usage.handlers(),
            rooms.epochs.handlers(),
            expiry.handlers(),
            TodoClock(notice).handlers(),
            Holidays().handlers(),
        ),
        observe=metrics.ran,
    )
    recovering = Recovering(
        negotiator=negotiator,
        ask=outbox.ask,
        peers=lambda: [peer for peer in keyring.peers if peer not in pauses],
        observe=metrics.stands,
        kicked=lambda: bells.wake(set(keyring.peers)),
    )
    renewal = Renewal(
        folder=config.storage.folder / KEYS_FOLDER,
        holding=config.keys,
        negotiator=negotiator,
        certificates=certificates,
        greet=greet,
        peers=lambda: keyring.peers,
        problem=keys.problem,
    )
    await renewal.note()
    await recovering.note()
    await negotiator.transact(lambda desk: _look_ahead(desk, config, rooms.epochs))
    pumps = Pumps(
        negotiator=negotiator,
        outbox=outbox,
        alarms=Alarms(negotiator),
        peers=lambda: [peer for peer in keyring.peers if peer not in pauses],
        clock=clock,
        run_errands=errands.run_due,
        next_errand_ms=errands.next_ms,
        listener=links,
        heartbeat_seconds=config.listen.heartbeat_seconds,
    )
    bells.wake, bells.heard, bells.called = pumps.wake, pumps.heard, pumps.called
    server = Server(
        negotiator=Door(negotiator, pauses),
        keyring=keyring,
        keys=certificates,
        listener=links,
        store_away=(StoreUnavailable,),
        store_full=(StoreFull,),
        shook=metrics.handshakes.inc,
    )
    parts = Parts(
        config=config,
        version=version(),
        cipher=cipher,
        negotiator=negotiator,
        outbox=outbox,
        keyring=keyring,
        metrics=metrics,
        faces=outsides.identity,
        signing=outsides.signing,
        library=outsides.experts,
        commands=Commands(negotiator),
        accounts=Accounts(random=random.bytes, cipher=cipher, center=config.center.name),
        agreements=rooms.agreements,
        availability=Availability(
            negotiator=negotiator,
            keyring=keyring,
            outbox=outbox,
            partners=rooms.agreements.partners,
            in_force=rooms.agreements.in_force,
            tested=peering.passed_recently,
        ),
        bookings=bookings,
        dossiers=Dossiers(
            negotiator=negotiator,
            keyring=keyring,
            outbox=outbox,
            folder=config.storage.folder / DOSSIER_FOLDER,
        ),
        draws=rooms.draws,
        experts=Experts(cipher, rooms.statistics),
        peering=peering,
        usage=usage,
        oversight=rooms.oversight,
        peers=peers,
        joining=Joining(peers=peers, cipher=cipher, random=random.bytes),
        projects=Projects(cipher),
        replanning=Replanning(bookings),
        selections=lottery,
        sessions=sessions,
        todos=Todos(),
        venues=venues,
        holidays=Holidays(),
        maintenance=Maintenance(bookings.after.substituting.clear),
        timetable=Timetable(),
        feeds=Feeds(random=random.bytes, name=config.center.name),
        whys=Whys(negotiator=negotiator, outbox=outbox, paused=lambda peer: peer in pauses),
        links=links,
        pinned=pumps.pinned,
        renewal=renewal,
        recovering=recovering,
        backups=Backups(
            database=database,
            identity=identity,
            clock=clock,
            random=random.bytes,
            software=f"{DISTRIBUTION} {version()}",
            stamp=stamp,
        ),
    )

    def probes(draining: Callable[[], bool]) -> Probes:
        return Probes(
            database=database,
            metrics=metrics,
            clock=clock,
            folder=config.storage.folder,
            certificate_ends_ms=certificates.ends_ms,
            draining=draining,
            keys_problem=renewal.problem,
            recovering=lambda: recovering.standing,
            keys_end=lambda: {
                each.center_id: expiry.ends(each)
                for each in (identity.descriptor, *keyring.peers.values())
            },
        )

    return Node(
        parts=parts,
        database=database,
        outsides=outsides,
        transport=transport,
        server=server,
        pumps=pumps,
        probes=probes,
    )


def _look_ahead(desk: Desk, config: Config, epochs: PoolEpochs) -> None:
    """What every start looks at, and every day after it: keys, holidays, the pool's next epoch."""
    expiry.start(desk)
    Holidays().start(desk, config.policy.holidays, config.policy.workdays)
    epochs.start(desk)


def _merged(*each: Mapping[str, Handler]) -> dict[str, Handler]:
    """All handlers; a kind that two services claim is a mistake of ours."""
    found: dict[str, Handler] = {}
    for handlers in each:
        twice = found.keys() & handlers.keys()
        assert not twice, f"two handlers for {twice}"
        found |= handlers
    return found
