"""A whole evaluation between two real nodes, said word by word with nobody to refuse it.

The services are left out on purpose: a dossier must hold by its words alone, and a cheat
that both centers' services would refuse must still be found in the file. What the dossier
service reads beside the words (draws, lists, the project) is stored by hand.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from federation.engine.inside import Said
from federation.ids import AgreementId, CenterId, ConversationId
from federation.lottery import audit, ranking, supplement, walk
from federation.lottery.pool import Pool, PoolMember, build_pool, check_listings
from federation.lottery.supplement import Taken
from federation.lottery.walk import Walk
from federation.protocol import booking, session
from federation.protocol.agreement import DocumentSignature, Propose, Sign
from federation.protocol.booking import Check
from federation.protocol.contribution import AskValue, Bind, Contribute, Pledge
from federation.protocol.conversation import Word
from federation.protocol.draw import (
    MACHINE_MS,
    MAX_STEPS,
    OWNER,
    SEALER,
    AcceptDraw,
    Close,
    Commit,
    Fault,
    Next,
    Open,
    Report,
    RequestDraw,
    Response,
    Result,
    Reveal,
    Shortfall,
    Slot,
)
from federation.protocol.peering import FIRST, AnnouncePool, StartTest
from federation.trust.envelope import sign_alone
from federation.trust.keys import Purpose, agreement_type
from federation.wire.words import TERMS, encode_word
from node.services.answers import Answers
from node.services.decisions import Decisions
from node.services.dossiers import Dossiers
from node.services.house import Desk
from node.services.outside_values import envelope_of
from node.services.venues import Venues
from node.store import draws, projects, sessions
from node.store.draws import DrawRow, SealedList
from tests.lottery.honest_draw import experts, verdict_on, whimsical
from tests.node.services.session_stage import in_force, project
from tests.support.agreed import put_signed
from tests.support.pair import DAY_MS, HOUR_MS, Center, Furniture, TwoCenters, two_centers
from tests.support.rehearsed import words_after

SUB_SLOTS: Final = (Slot("A01", 2), Slot("B05", 1))
HOST_SLOTS: Final = (Slot("B05", 1),)
NO_AGREEMENT: Final = AgreementId(b"")
NO_TALK: Final = ConversationId(b"")
SALT: Final = b"\x5a" * 32
REPRESENTATIVE: Final = b"\xee" * 32
REPORT: Final = b"\x11" * 32
PROJECT: Final = b"\x01" * 16
ITEMS: Final = (session.ArchiveItem("评标报告", REPORT, 4_096, "permanent"),)
CHECKS: Final = (Check("clock_skew", passed=True, measured="0 ms"),)


@dataclass
class Evaluation:
    """What was played. ``change`` may put another word in a word's place: a cheat."""

    pair: TwoCenters
    change: Callable[[Word], Word | None] = lambda word: word
    void_first: bool = False
    outside: Sequence[Center] = ()
    """Who gives random values from outside; the pair must be ``Witnessed``."""
    terms: Mapping[str, Any] = field(default_factory=dict)
    members: Sequence[PoolMember] = field(default_factory=lambda: experts(60))
    slots: tuple[Slot, ...] = SUB_SLOTS
    agreement: AgreementId = NO_AGREEMENT
    start_ms: int = 0
    booking: ConversationId = NO_TALK
    session: ConversationId = NO_TALK
    draws: list[ConversationId] = field(default_factory=list)
    drawn: dict[CenterId, list[bytes]] = field(default_factory=dict)
    voided: int = 0
    void_of: dict[CenterId, bytes] = field(default_factory=dict)
    last_of: dict[CenterId, bytes] = field(default_factory=dict)
    supplements: Sequence[tuple[Slot, ...]] = ()
    """What is drawn from the sub's pool besides, where its list is short."""
    answers: Callable[[bytes], Response] = field(default_factory=lambda: whimsical(3))
    leaves: int = 1
    """How many leave the sub's list."""
    said: dict[ConversationId, list[Word]] = field(default_factory=dict)
    closings: list[tuple[Center, ConversationId, bytes]] = field(default_factory=list)

    @property
    def host(self) -> Center:
        return self.pair.host

    @property
    def sub(self) -> Center:
        return self.pair.sub

    async def open(self, by: Center, word: Word) -> Said:
        changed = self.change(word) or word
        agreement = None if word.kind in {"agreement", "peering"} else self.agreement
        said = await by.do(lambda desk: desk.open(self.pair.other(by).id, agreement, changed))
        self.said.setdefault(said.conversation.id, []).append(changed)
        await self.pair.settle()
        return said

    async def say(self, by: Center, talk: ConversationId, word: Word) -> Said | None:
        changed = self.change(word)
        if changed is None:
            return None
        said = await by.do(lambda desk: desk.say(talk, changed))
        self.said.setdefault(talk, []).append(changed)
        await self.pair.settle()
        self.pair.watch.pass_ms(1_000)
        return said

    async def both(self, statement: str, *values: Any) -> None:
        for center in self.pair.centers:
            await center.do(lambda desk: desk.ledger.connection.execute(statement, values))

    # One after the other

    async def agree(self) -> None:
        document = TERMS.encode(self.pair.terms(joint_test_valid_days=30, **self.terms))
        digest = self.host.suite.tagged("agreement", document)
        self.agreement = AgreementId(digest)
        ours, theirs = (
            sign_alone(agreement_type(self.host.suite.suite_id), document, at.signer)
            for at in self.pair.centers
        )
        talk = (
            await self.open(self.host, Propose(document, (_by(self.host, ours),)))
        ).conversation.id
        await self.say(self.sub, talk, Sign(digest, (_by(self.sub, theirs),)))
        for center in self.pair.centers:

            def store(desk: Desk, center: Center = center) -> None:
                put_signed(
                    desk.ledger.connection,
                    agreement=digest,
                    conversation=talk,
                    peer=self.pair.other(center).id,
                    document=document,
                    signatures=(ours, theirs),
                    we_proposed=center is self.host,
                    at_ms=self.pair.watch.now_ms,
                )

            await center.do(store)

    async def test(self) -> None:
        start = StartTest(self.agreement, CHECKS)
        talk = (await self.open(self.host, start)).conversation.id
        for role, word in words_after(start):
            await self.say(self.host if role == FIRST else self.sub, talk, word)
        for center in self.pair.centers:
            values = (talk, talk, self.pair.other(center).id, center is self.host, self.agreement)

            def store(desk: Desk, values: tuple[Any, ...] = values) -> None:
                desk.ledger.connection.execute(
                    "INSERT INTO joint_test (id, conversation, peer, tester, agreement, state,"
                    " began_at_ms, at_ms) VALUES (?, ?, ?, ?, ?, 'PASSED', 1, 1)",
                    values,
                )

            await center.do(store)

    async def announce(self, owner: Center) -> tuple[Pool, AnnouncePool]:
        now = self.pair.watch.now_ms
        pool = build_pool(
            owner.suite,
            owner.random.bytes(32),
            owner.name,
            "2026-05-06",
            self.members if owner is self.sub else experts(60),
        )
        word = AnnouncePool(
            pool.name, pool.epoch, pool.strata, pool.root, bytes(32), now, now + 30 * DAY_MS
        )
        talk = (await self.open(owner, word)).conversation.id
        await self.both(
            "INSERT INTO pool_announcement (conversation, owner, peer, pool, epoch, suite, root,"
            " body, log_index, valid_from_ms, valid_until_ms, at_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)",
            talk, owner.id, self.pair.other(owner).id, word.pool, word.epoch,
            owner.suite.suite_id, word.root, encode_word(word), word.valid_from_ms,
            word.valid_until_ms, now,
        )  # fmt: skip
        return pool, word

    async def book(self) -> None:
        self.start_ms = self.pair.watch.now_ms + DAY_MS
        needs = tuple(booking.ExpertNeed(slot.specialty, slot.count) for slot in self.slots)
        hold = booking.Hold(
            bundle_id=b"\2" * 16, participants=(self.sub.id,), start_ms=self.start_ms,
            end_ms=self.start_ms + 4 * HOUR_MS, seats=3, equipment=(), overnight=False,
            project_kind="A", experts=needs, selection=booking.SelectionMode.CHOSEN,
        )  # fmt: skip
        self.booking = (await self.open(self.host, hold)).conversation.id
        vote = booking.Vote(booking.Answer.YES, promise_ms=DAY_MS)
        await self.say(self.sub, self.booking, vote)
        await self.say(
            self.host, self.booking, booking.Decide(hold.bundle_id, booking.Decision.CONFIRM)
        )

    def opening(self, owner: Center, announced: AnnouncePool, slots: tuple[Slot, ...]) -> Open:
        return Open(
            booking_id=self.booking, sequence=len(self.draws) + self.voided + 1,
            pool=announced.pool, epoch=announced.epoch, root=announced.root, slots=slots,
            contributors=(
                owner.id, *(center.id for center in self.outside), self.pair.other(owner).id,
            ),
            supersedes=self.last_of.get(owner.id, b""),
            bid_deadline_ms=self.start_ms - HOUR_MS, evaluation_start_ms=self.start_ms,
        )  # fmt: skip

    async def void(self, owner: Center, announced: AnnouncePool) -> None:
        """A draw that the sealer declares void, as nobody accepts it in time."""
        sealer = self.pair.other(owner)
        opened = await self.open(sealer, self.opening(owner, announced, self.slots))
        self.pair.watch.pass_ms(MACHINE_MS)
        await self.say(sealer, opened.conversation.id, Fault("OPENED", "nothing came"))
        await self.keep(opened.conversation.id, owner, announced, b"")
        self.voided += 1
        self.void_of[owner.id] = self.last_of[owner.id] = opened.conversation.id

    async def draw(
        self,
        owner: Center,
        pool: Pool,
        announced: AnnouncePool,
        slots: tuple[Slot, ...],
        excluded: Sequence[str],
        leaves: int,
    ) -> None:
        """One honest draw, up to the sealed list; the sealer's value is its name's."""
        sealer, digests = self.pair.other(owner), pool.digests
        opening = self.opening(owner, announced, slots)
        if excluded:
            bound = audit.exclusion_commitment(digests, SALT, excluded)
            opening = replace(opening, exclusion_commitment=bound)
            request = RequestDraw(
                self.booking, opening.pool, opening.epoch, slots, opening.bid_deadline_ms,
                self.start_ms, bound,
            )  # fmt: skip
            talk = (await self.open(owner, request)).conversation.id
            said = await self.say(sealer, talk, opening)
        else:
            said = await self.open(sealer, opening)
            talk = said.conversation.id
        assert said is not None
        await self.keep(talk, owner, announced, SALT if excluded else b"")
        bound = ranking.open_hash(digests, said.payload)
        listings = tuple(pool.listing(name) for name in sorted({slot.specialty for slot in slots}))
        await self.say(owner, talk, AcceptDraw(listings))
        everybody = (owner, *self.outside, sealer)
        commitments = [
            ranking.commitment(digests, bound, center.id, _value(center)) for center in everybody
        ]
        asked = [await self.ask(owner, center, talk) for center in self.outside]
        pledges = [
            await self.shown(owner, center, at, Pledge(commitment))
            for center, at, commitment in zip(self.outside, asked, commitments[1:], strict=False)
        ]
        await self.say(owner, talk, Commit(commitments[0], tuple(pledges)))
        await self.say(sealer, talk, Commit(commitments[-1], escrow=b"sealed to the regulator"))
        values = []
        for center, at in zip(self.outside, asked, strict=True):
            await self.bind(owner, at)
            values.append(await self.shown(owner, center, at, Contribute(_value(center))))
        await self.say(owner, talk, Reveal(_value(owner), tuple(values)))
        commits = ranking.commits_hash(digests, bound, commitments)
        seed = ranking.seed(digests, commits, [_value(center) for center in everybody])
        listed = check_listings(digests, pool.strata, slots, listings)
        orders = ranking.orders(digests, seed, slots, listed, MAX_STEPS)
        state = walk.start(digests, opening, listed, commits, excluded or ())
        state = state.beside(self.taken(owner))
        state = await self.walk(owner, talk, pool, state, orders, (bound, excluded, leaves))
        self.draws.append(talk)
        self.last_of[owner.id] = talk
        self.drawn.setdefault(owner.id, []).extend(entry for _, entry in state.chosen)
        self.closings.append((sealer, talk, state.head))

    def taken(self, owner: Center) -> Taken:
        """Whom the draws from a pool that came before have asked."""
        before = [talk for talk in self.draws if self._owner(talk) == owner.id]
        known = [supplement.tell(self.said[talk]) for talk in before]
        return supplement.taken(each for each in known if each is not None)

    def _owner(self, talk: ConversationId) -> str:
        (opening,) = (word for word in self.said[talk] if isinstance(word, Open))
        return opening.contributors[0]

    async def ask(self, owner: Center, center: Center, draw: ConversationId) -> ConversationId:
        """Ask an outsider for its value."""

        def ask(desk: Desk) -> ConversationId:
            opening = envelope_of(desk, draw, Open)
            return desk.open(center.id, None, AskValue(draw, opening)).conversation.id

        talk = await owner.do(ask)
        await self.pair.settle()
        return talk

    async def bind(self, owner: Center, talk: ConversationId) -> None:
        """Show an outsider that all have committed; nobody here looks at what is shown."""
        await owner.do(lambda desk: desk.say(talk, Bind((b"one", b"another"))))

    async def shown(
        self, owner: Center, center: Center, talk: ConversationId, word: Pledge | Contribute
    ) -> bytes:
        """An outsider's word as the owner can show it."""
        await self.pair.settle()
        await center.do(lambda desk: desk.say(talk, word))
        await self.pair.settle()
        return await owner.do(lambda desk: envelope_of(desk, talk, type(word)))

    async def walk(
        self,
        owner: Center,
        talk: ConversationId,
        pool: Pool,
        state: Walk,
        orders: Sequence[Sequence[bytes]],
        more: tuple[bytes, Sequence[str], int],
    ) -> Walk:
        """Down the order, through ``leaves`` supplements, to the last sealed list."""
        bound, excluded, leaves = more
        sealer, answer = self.pair.other(owner), self.answers

        async def step(by: Center, word: Word) -> Walk:
            spoken = await self.say(by, talk, word)
            assert spoken is not None
            return state.heard(spoken.word, spoken.payload)

        while True:
            due = walk.next_step(state, orders)
            if isinstance(due, walk.Ask):
                asked = Next(state.steps, due.slot, due.rank, due.entry, state.head)
                state = await step(sealer, asked)
                state = await step(owner, verdict_on(pool, state, due.entry, excluded))
                if state.pending is not None:
                    report = Report(due.entry, answer(due.entry), bytes(32), state.head)
                    state = await step(owner, report)
                continue
            if isinstance(due, walk.Exhausted):
                state = await step(owner, Shortfall(due.slot, due.missing))
                continue
            state = await step(owner, await self.seal(owner, talk, state, bound))
            if not leaves:
                return state
            leaves -= 1
            gone = Report(state.chosen[0][1], Response.LEAVE, bytes(32), state.head)
            state = await step(owner, gone)

    async def seal(self, owner: Center, talk: ConversationId, state: Walk, bound: bytes) -> Result:
        """Store a sealed list, and commit to it."""
        revision, count = state.revision + 1, len(state.chosen)
        salt = state.digests.tagged("salt", talk, bytes([revision]))
        sealed = SealedList(talk, revision, b"sealed", b"info", count, salt, None)
        await owner.do(lambda desk: draws.add_list(desk.ledger.connection, sealed))
        commitment = audit.list_commitment(state.digests, bound, salt, state.chosen)
        return Result(commitment, bytes(32), revision, count)

    async def keep(
        self, talk: ConversationId, owner: Center, announced: AnnouncePool, salt: bytes
    ) -> None:
        for center in self.pair.centers:
            row = DrawRow(
                id=talk,
                role=OWNER if center is owner else SEALER,
                peer=self.pair.other(center).id,
                booking=self.booking,
                project=PROJECT if center is self.host else None,
                pool=announced.pool,
                epoch=announced.epoch,
                sealed_value=None,
                reveal_after=None,
                exclusion_salt=salt or None if center is owner else None,
                phase="",
                agreement=self.agreement,
            )

            def store(desk: Desk, row: DrawRow = row) -> None:
                draws.add(desk.ledger.connection, row, desk.now_ms)

            await center.do(store)

    async def convene(self) -> None:
        word = session.Convene(
            self.booking, tuple(sorted(self.draws)), self.start_ms, self.start_ms + 4 * HOUR_MS,
            1, len(self.drawn[self.host.id]), len(self.drawn[self.sub.id]),
        )  # fmt: skip
        said = await self.open(self.host, word)
        self.session = said.conversation.id
        for center in self.pair.centers:
            role = "HOST" if center is self.host else "SUB"
            peer = self.pair.other(center).id

            def store(desk: Desk, role: str = role, peer: CenterId = peer) -> None:
                sessions.add(
                    desk.ledger.connection, session=self.session, role=role, peer=peer,
                    project=PROJECT if role == "HOST" else None, convene=word,
                )  # fmt: skip

            await center.do(store)

    async def evaluate(self) -> None:
        ours = self.drawn[self.sub.id]
        self.pair.watch.now_ms = self.start_ms - HOUR_MS
        for member in ours:
            await self.say(self.sub, self.session, session.CheckIn(member, self.pair.watch.now_ms))
        await self.say(self.sub, self.session, session.Ready(len(ours)))
        self.pair.watch.now_ms = self.start_ms + 1_000
        members = tuple(sorted([*ours, *self.drawn[self.host.id], REPRESENTATIVE]))
        start = session.Start("E3608213601004627001", "吉安县人民路道路工程", members)
        await self.say(self.host, self.session, start)
        for voter in ours:
            await self.say(self.sub, self.session, session.Ballot(voter, ours[0]))
        await self.say(self.host, self.session, session.Elect(ours[0], len(ours), len(members)))
        await self.say(self.host, self.session, session.Suspend("a power cut"))
        await self.say(self.host, self.session, session.Resume("power is back"))
        await self.say(self.sub, self.session, session.Ready(len(ours)))
        await self.say(self.host, self.session, session.Present(REPORT))
        for member in ours:
            word = session.SignReport(member, REPORT, bytes(32))
            await self.say(self.sub, self.session, word)
        await self.say(self.host, self.session, session.Finish(REPORT, len(members)))
        for sealer, talk, head in self.closings:
            await self.say(sealer, talk, Close(_value(sealer), head))

    async def archive(self) -> None:
        handed = session.HandOver(ITEMS)
        await self.say(self.sub, self.session, handed)
        digest = self.host.suite.hash(encode_word(self.change(handed) or handed))
        await self.say(self.host, self.session, session.Receive(digest))
        await self.say(self.host, self.booking, booking.Complete(self.session))

    async def play(self) -> None:
        await self.agree()
        await self.test()
        sub_pool, sub_announced = await self.announce(self.sub)
        host_pool, host_announced = await self.announce(self.host)
        found = project()
        await self.host.do(
            lambda desk: projects.add(
                desk.ledger.connection, PROJECT, found, "agency-1", desk.now_ms
            )
        )
        await self.book()
        if self.void_first:
            await self.void(self.sub, sub_announced)
        await self.draw(self.sub, sub_pool, sub_announced, self.slots, (), self.leaves)
        excluded = tuple(party.uscc for party in found.parties)
        await self.draw(self.host, host_pool, host_announced, HOST_SLOTS, excluded, 0)
        for slots in self.supplements:
            await self.draw(self.sub, sub_pool, sub_announced, slots, (), 0)
        await self.convene()
        await self.evaluate()
        await self.archive()

    def dossiers(self, maker: Center, folder: Path) -> Dossiers:
        return Dossiers(
            negotiator=maker.negotiator, keyring=maker.keyring, outbox=maker.outbox, folder=folder
        )


def furnish(_center: Center) -> Furniture:
    return Furniture(questions=Answers(venues=Venues(), in_force=in_force, decisions=Decisions()))


@dataclass(frozen=True)
class Made:
    """A dossier and the keys of those who could forge it."""

    file: bytes
    maker: str
    sign: Callable[[bytes], bytes]
    other: str
    other_sign: Callable[[bytes], bytes]


@cache
def made(by: str = "host", suite_id: str = "") -> Made:
    """One honest dossier, made once for all tests; ``suite_id`` as for ``two_centers``."""

    async def run() -> Made:
        async with two_centers(furnish, suites=(suite_id,) if suite_id else ()) as pair:
            played = Evaluation(pair)
            await played.play()
            maker = pair.host if by == "host" else pair.sub
            other = pair.other(maker)
            with TemporaryDirectory() as folder:
                path = await played.dossiers(maker, Path(folder)).make(played.session)
                return Made(
                    path.read_bytes(), maker.id, maker.signer,
                    other.id, other.signer,
                )  # fmt: skip

    return asyncio.run(run())


def _value(center: Center) -> bytes:
    return center.suite.hash(center.name.encode())


def _by(center: Center, signature: bytes) -> DocumentSignature:
    key = center.identity.descriptor.keys_for(Purpose.MESSAGE, center.suite.suite_id)[0]
    return DocumentSignature(center.suite.suite_id, key.id, signature)
