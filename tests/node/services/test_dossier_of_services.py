"""A dossier of an evaluation that the real services carried out, from booking to archive."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.video.stand_in import FolderVideo
from federation.evidence.dossier import read
from federation.evidence.verify import verify
from federation.protocol.conversation import Kind
from federation.protocol.draw import (
    ASKED,
    CALL_MS,
    COMMITTED,
    HALF,
    INVITED,
    OPENED,
    SEALER,
    VOID,
    WALKING,
)
from federation.protocol.session import ArchiveItem
from federation.wire.evidence import DECODE
from node.services.agreements import Agreements
from node.services.answers import Answers
from node.services.decisions import Decisions
from node.services.dossiers import Dossiers
from node.services.draws import Draws
from node.services.inviting import Place
from node.services.pool_announcements import PoolAnnouncements
from node.services.session_archive import SessionArchive
from node.services.sessions import Sessions
from node.services.venues import Venues
from tests.node.services.session_stage import Lists, Side, Stage, in_force
from tests.node.services.test_draws import (
    OWN_WINDOW,
    Announcing,
    Board,
    Exchange,
    Table,
    Telephones,
    _request,
)
from tests.node.services.test_draws_with_a_liar import the_draw
from tests.support import planning
from tests.support.pair import Center, Furniture, TwoCenters, two_centers

STAFF = "staff-1"


class Hall:
    """Both centers with all their services."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.exchange = Exchange()
        self.offices = planning.Offices()
        self.boards: dict[str, Board] = {}
        self.sides: list[Side] = []

    def __call__(self, center: Center) -> Furniture:
        furniture = self.offices(center)
        office = self.offices.host if center.name == "host" else self.offices.sub
        phones = Telephones()
        agreements = Agreements(keyring=center.keyring)
        pools = PoolAnnouncements(cipher=center.cipher, agreements=agreements)
        draws = Draws(
            cipher=center.cipher,
            trading=self.exchange,
            messaging=phones,
            place=Place(center.name, "0796-0000000"),
            own_window=OWN_WINDOW,
        )
        self.boards[center.name] = Board(center, draws, phones, pools, agreements)
        archive = SessionArchive(
            video=FolderVideo(folder=self.folder / center.name),
            cipher=center.cipher,
            bookings=office.bookings,
        )
        service = Sessions(draws=draws, archive=archive, cipher=center.cipher)
        self.sides.append(Side(center, Lists(), service, office.bookings, office.projects))
        return replace(
            furniture,
            questions=Answers(venues=Venues(), in_force=in_force, decisions=Decisions()),
            reactions={
                **furniture.reactions,
                Kind.DRAW: draws,
                Kind.PEERING: Announcing(pools),
                Kind.SESSION: service,
            },
            handlers={
                **furniture.handlers,
                **draws.errands.handlers(),
                **service.handlers(),
            },
        )

    async def drawn(self, pair: TwoCenters, void_at: Collection[str] = ()) -> Stage:
        """Booked, drawn and sealed.

        Args:
            pair: The two centers.
            void_at: The draw that the host seals comes this far, then nobody hears of the other
                until both are void, and are drawn again; at once without any.
        """
        offices = self.offices
        await pair.agree(max_open_bookings=9)
        await planning.seated(offices)
        for seed, office in ((1, offices.host), (2, offices.sub)):
            board = self.boards[office.center.name]
            board.draws.errands.bind(board.center.negotiator)
            people = planning.register(120, seed=seed, prefix=f"E{seed}")
            await board.center.do(
                lambda desk, o=office, p=people: o.experts.import_experts(desk, p)  # type: ignore[misc]
            )
            await board.center.do(
                lambda desk, b=board: b.pools.announce(desk, "experts", "2026-05", 720)  # type: ignore[misc]
            )
        await pair.settle()
        project = await planning.accepted(offices)
        host = offices.host
        people_of_the_tenderee = [planning.person(1), planning.person(2)]
        await pair.host.do(
            lambda desk: host.projects.add_representatives(desk, project, people_of_the_tenderee)
        )
        await pair.host.do(
            lambda desk: host.bookings.plan(desk, project, _request(pair.sub.id), planning.AGENCY)
        )
        await pair.settle()
        (leg,) = await pair.host.do(lambda desk: host.bookings.of_project(desk, project))
        await planning.vote(offices, leg.conversation, yes=True)
        await pair.settle()
        booking = leg.conversation
        boards = self.boards
        table = Table(pair, offices, boards["host"], boards["sub"], self.exchange, project, booking)
        if void_at:
            await given_up(table, void_at)
        await table.start()
        stage = Stage(pair, self.sides[0], self.sides[1], project, booking)
        await stage.convene()
        pair.watch.now_ms = leg.start_ms
        return stage


async def given_up(table: Table, void_at: Collection[str]) -> None:
    """The draws begin, come so far, and then the line is cut."""
    pair = table.pair
    await pair.host.do(
        lambda desk: planning.begin(table.host.draws, desk, table.project, planning.AGENCY)
    )
    draw = await the_draw(pair.host, SEALER)
    for _ in range(60):
        if await pair.host.phase(draw) in void_at:
            break
        for one in pair.centers:
            await one.outbox.deliver(pair.other(one).id)
            await one.errands.run_due()
            await one.outbox.greet(pair.other(one).id)
    assert await pair.host.phase(draw) in void_at
    pair.cut()
    await pair.later(2 * CALL_MS)
    pair.restore()
    await pair.later(0)
    for center in pair.centers:
        assert await center.sql("SELECT DISTINCT phase FROM conversation WHERE kind = 'draw'") == [
            (VOID,)
        ]


async def evaluate(stage: Stage) -> None:
    for side in stage.sides:
        await stage.check_in(side)
    await stage.act(stage.sub, lambda service, desk, sid: service.ready(desk, sid, STAFF))
    await stage.act(stage.host, lambda service, desk, sid: service.start(desk, sid, STAFF))
    chair = (await stage.sub.own(stage.session))[0].code
    await stage.vote(lambda _member: chair)
    await stage.act(stage.host, lambda service, desk, sid: service.elect(desk, sid, STAFF))
    await stage.act(
        stage.host, lambda service, desk, sid: service.present(desk, sid, b"%PDF", STAFF)
    )
    for side in stage.sides:
        await stage.sign(side)
    await stage.act(stage.host, lambda service, desk, sid: service.finish(desk, sid, STAFF))
    items = (ArchiveItem("评标区录像", bytes(32), 5, "15y"),)
    await stage.act(
        stage.sub, lambda service, desk, sid: service.hand_over(desk, sid, items, STAFF)
    )
    await stage.act(stage.host, lambda service, desk, sid: service.receive(desk, sid, STAFF))


async def test_what_the_services_did_is_proven_by_either_center_s_dossier(tmp_path: Path) -> None:
    hall = Hall(tmp_path)
    async with two_centers(hall) as pair:
        stage = await hall.drawn(pair)
        await evaluate(stage)
        for center in pair.centers:
            service = Dossiers(
                negotiator=center.negotiator,
                keyring=center.keyring,
                outbox=center.outbox,
                folder=tmp_path / f"dossiers-{center.name}",
            )
            file = (await service.make(stage.session)).read_bytes()
            verdict = verify(file, DECODE)
            assert (verdict.members, verdict.representatives) == (7, 2)
            assert [draw.members for draw in verdict.draws] == [3, 2]
            assert verdict.parties[0].center == pair.host.id
            said = file + b"".join(
                line.envelope.payload for talk in read(file)[0].conversations for line in talk.lines
            )
            for name, number in (planning.person(1), planning.person(2)):
                assert name.encode() not in said
                assert number.encode() not in said


@pytest.mark.parametrize(
    ("void_at", "known"),
    [((OPENED,), False), ((HALF, COMMITTED), False), ((WALKING, ASKED, INVITED), True)],
)
async def test_draws_that_the_services_gave_up_are_told_of_and_refute_nothing(
    tmp_path: Path, void_at: Collection[str], known: bool
) -> None:
    """Honest centers whose line was cut: their clocks and books are what a file is held to."""
    hall = Hall(tmp_path)
    async with two_centers(hall) as pair:
        stage = await hall.drawn(pair, void_at)
        await evaluate(stage)
        for center in pair.centers:
            service = Dossiers(
                negotiator=center.negotiator,
                keyring=center.keyring,
                outbox=center.outbox,
                folder=tmp_path / f"dossiers-{center.name}",
            )
            verdict = verify((await service.make(stage.session)).read_bytes(), DECODE)
            assert [draw.members for draw in verdict.draws] == [3, 2]
            assert verdict.void_draws == len(verdict.voided) == 2
            (sealed,) = [void for void in verdict.voided if void.sealer == pair.host.id]
            assert sealed.order_known == known
