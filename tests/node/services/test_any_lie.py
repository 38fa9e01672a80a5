"""No word that a peer can sign makes a node fail, whatever it says and whenever it says it.

A joint evaluation is carried out honestly, and at each of its moments either side is told
lies: every word, in conversations old and new, with values that were seen before in other
places, or at the ends of what a field holds. Each time several in a row, then their receipts,
then the deadlines; then all of it is taken back and the evaluation goes on. A word may be
accepted or refused. What may not happen is any other exception: the peer would be told
INTERNAL and deliver the word again for ever.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import fields, is_dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, cast, get_args, get_origin, get_type_hints

import pytest
from typing_extensions import override

from federation.engine.floor import Floor
from federation.engine.identity import WORD_LASTS_MS
from federation.ids import ConversationId
from federation.protocol.agreement import Propose
from federation.protocol.conversation import Conversation, Kind, Word
from federation.protocol.tables import TABLES, VOCABULARY
from federation.wire.envelopes import (
    Outcome,
    Receipt,
    Statement,
    decode_envelope,
    decode_statement,
    encode_statement,
)
from federation.wire.words import PAYLOAD_TYPES, TERMS, decode_word, encode_word
from node.services.agreements import Agreements
from node.services.house import Desk
from node.services.peering import Peering
from node.services.pool_announcements import PoolAnnouncements
from node.services.usage import UsageStatements
from tests.node.services import test_dossier_of_services as honest
from tests.support.joint_line import joint_tests
from tests.support.pair import DAY_MS, Center, Furniture, TwoCenters, two_centers

LIES_AT_ONCE: Final = 4
ENDS: Final = (0, 1, 2, 3, 5, 40, 1_000, 2**31, 2**53 - 1)
TEXTS: Final = (
    "A08",
    "A0803",
    "experts",
    "2026-05",
    "2026-05-05",
    "link",
    "status",
    "15y",
    "A",
    "WALKING",
    "x",
)
REASONS: Final = ("NOT_ALLOWED", "CONFLICT", "UNAVAILABLE", "MALFORMED", "")
Agreed = tuple[Agreements, Peering]


class TakenBack(Exception):
    """Rolls a transaction back that was only to be tried."""


class Hall(honest.Hall):
    """The same centers with real agreements and joint tests as well."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.agreed: dict[str, Agreed] = {}

    @override
    def __call__(self, center: Center) -> Furniture:
        usual = super().__call__(center)
        agreements = Agreements(keyring=center.keyring)
        peering = Peering(
            tests=joint_tests(center, agreements),
            pools=PoolAnnouncements(cipher=center.cipher, agreements=agreements),
        )
        self.agreed[center.name] = agreements, peering
        return Furniture(
            {**usual.reactions, Kind.AGREEMENT: agreements, Kind.PEERING: UsageStatements(peering)},
            {**usual.handlers, **peering.handlers()},
            usual.questions,
        )

    def look(self, desk: Desk, center: Center) -> None:
        """What people look at after the lies: it must still be readable."""
        office = self.offices.host if center.name == "host" else self.offices.sub
        agreements, peering = self.agreed[center.name]
        side = next(side for side in self.sides if side.center is center)
        agreements.all(desk)
        peering.tests(desk)
        usage = UsageStatements(peering)
        usage.statements(desk)
        usage.disputes(desk)
        office.bookings.all(desk)
        self.boards[center.name].draws.everything(desk)
        side.sessions.overview(desk)


class Liar:
    """Makes up words for a victim from what the victim's own tables hold."""

    def __init__(self, ours: Center, victim: Center, source: random.Random) -> None:
        self._ours = ours
        self._victim = victim
        self._random = source
        self._seen: dict[int, list[bytes]] = {}

    def learn(self, desk: Desk) -> None:
        """See all ids and digests that the victim knows."""
        connection = desk.ledger.connection
        self._seen = {}
        for table, columns in (
            ("conversation", "id, agreement, said_hash, heard_hash"),
            ("bundle", "id"),
            ("booking", "conversation, bundle"),
            ("member", "code, ballot"),
            ("invitation", "entry"),
            ("pool_announcement", "root"),
            ("session", "chair, report_digest, manifest_digest"),
            ("draw", "conversation, booking"),
        ):
            for row in connection.execute(f"SELECT {columns} FROM {table}").fetchall():
                for value in row:
                    if value:
                        self._seen.setdefault(len(value), []).append(value)

    def tell(self, desk: Desk) -> Outcome:
        """Tell one lie to the floor of the victim's transaction."""
        conversation, word, body = self._sayable(desk)
        identity = self._ours.identity
        statement = Statement(
            sender=identity.center,
            recipient=self._victim.id,
            message_id=self._random.randbytes(16),
            conversation_id=conversation.id,
            revision=conversation.heard + 1,
            previous_hash=conversation.heard_hash,
            answers_hash=conversation.said_hash,
            sent_at_ms=desk.now_ms,
            expires_at_ms=desk.now_ms + WORD_LASTS_MS,
            agreement_id=conversation.agreement or b"",
            log_size=0,
            log_root=b"",
            body=body,
        )
        (envelope,) = self._ours.sign([(PAYLOAD_TYPES[type(word)], encode_statement(statement))])
        visitor = self._victim.negotiator.doorkeeper.admit(envelope, None, desk.now_ms)
        _, receipt = desk.hear(visitor)
        return receipt.outcome

    def answer(self, desk: Desk) -> None:
        """Receipt all that the victim has said, truly or not."""
        for word in desk.ledger.pending(self._ours.id, 64, 1 << 30):
            outcome = self._random.choice(list(Outcome))
            desk.receipted(
                word, b"", Receipt(outcome, self._random.choice(REASONS), "because"), b""
            )

    def _sayable(self, desk: Desk) -> tuple[Conversation, Word, bytes]:
        while True:
            try:
                conversation, word = self._somewhere(desk)
                return conversation, word, encode_word(word)
            except ValueError:
                continue  # a number that its field on the wire cannot hold

    def _somewhere(self, desk: Desk) -> tuple[Conversation, Word]:
        """A conversation, and a word that its table has a row for, mostly."""
        rows = desk.ledger.connection.execute(
            "SELECT id FROM conversation WHERE peer = ?", (self._ours.id,)
        ).fetchall()
        names = list(VOCABULARY)
        if rows and self._random.random() < 0.8:
            (found,) = self._random.choice(rows)
            known = desk.ledger.conversation(ConversationId(found))
            assert known is not None
            fitting = [
                name
                for name, word in VOCABULARY.items()
                if word.kind is known.kind
                and any(
                    phase == known.phase and case.partition(".")[0] == word.__name__
                    for phase, case in TABLES[known.kind].next
                )
            ]
            return known, self._word(desk, VOCABULARY[self._random.choice(fitting or names)])
        word = self._word(desk, VOCABULARY[self._random.choice(names)])
        bundles = [
            value
            for value in self._seen.get(16, ())
            if desk.ledger.conversation(ConversationId(value)) is None
        ]
        fresh = self._random.choice([*bundles, self._random.randbytes(16)])
        agreement = self._agreement(desk)
        table = TABLES[word.kind]
        return (
            Conversation(
                id=ConversationId(fresh),
                kind=word.kind,
                role=table.roles[1],
                peer=self._ours.id,
                agreement=agreement if word.kind not in {Kind.AGREEMENT, Kind.PEERING} else None,
                suite=self._ours.suite.suite_id,
                phase=table.start,
            ),
            word,
        )

    def _agreement(self, desk: Desk) -> Any:
        row = desk.ledger.connection.execute("SELECT id FROM agreement").fetchone()
        return None if row is None else row[0]

    def _word(self, desk: Desk, cls: type[Word]) -> Word:
        if cls is Propose and self._random.random() < 0.7:
            row = desk.ledger.connection.execute("SELECT document FROM agreement").fetchone()
            if row is not None:
                terms = TERMS.decode(row[0])
                changed = self._changed(terms)
                document = TERMS.encode(changed)
                return Propose(document, (self._ours.under(document),))
        example = self._said_before(desk, cls)
        return cast("Word", self._changed(example) if example is not None else self._made(cls))

    def _said_before(self, desk: Desk, cls: type[Word]) -> Word | None:
        """A word of this kind that somebody has said: lies are best close to the truth."""
        kind = PAYLOAD_TYPES[cls]
        payloads = [
            raw
            for (raw,) in desk.ledger.connection.execute(
                "SELECT payload FROM said WHERE payload_type = ?", (kind,)
            )
        ] + [
            decode_envelope(raw).payload
            for (raw,) in desk.ledger.connection.execute(
                "SELECT envelope FROM heard WHERE payload_type = ?", (kind,)
            )
        ]
        if not payloads:
            return None
        return decode_word(kind, decode_statement(self._random.choice(payloads)).body)

    def _changed(self, value: Any) -> Any:
        """The same with none, one or two fields made up."""
        hints = get_type_hints(type(value))
        names = [field.name for field in fields(value)]
        chosen = self._random.sample(names, min(len(names), self._random.choice((0, 1, 1, 2))))
        return type(value)(
            *[
                self._value(hints[name], name) if name in chosen else getattr(value, name)
                for name in names
            ]
        )

    def _made(self, cls: type[Any]) -> Any:
        hints = get_type_hints(cls)
        return cls(*[self._value(hints[field.name], field.name) for field in fields(cls)])

    def _value(self, hint: Any, name: str) -> Any:
        pick = self._random
        if get_origin(hint) is tuple:
            (item, *_) = get_args(hint)
            count = 5 if name == "digests" else pick.choice((1, 1, 2, 3))
            return tuple(self._value(item, name) for _ in range(count))
        if is_dataclass(hint):
            return self._made(cast("type[Any]", hint))
        if issubclass(hint, IntEnum):
            return pick.choice(list(hint))
        if hint is bool:
            return pick.random() < 0.5
        if hint is int:
            now_ms = self._victim.clock.now_ms()
            return pick.choice((*ENDS, now_ms, now_ms + DAY_MS, now_ms - DAY_MS))
        if hint is str:
            centers = (self._ours.id, self._victim.id)
            if name in {"participants", "contributors", "center_id", "host", "sub"}:
                return pick.choice(centers)
            return pick.choice(TEXTS)
        size = 64 if name == "signature" else 16 if name.endswith(("_id", "_ids")) else 32
        return pick.choice([*self._seen.get(size, ()), pick.randbytes(size)])


class Lies:
    """Told at each moment of an evaluation."""

    def __init__(self, pair: TwoCenters, hall: Hall, seed: int, rounds: int) -> None:
        self._pair = pair
        self._hall = hall
        self._random = random.Random(seed)
        self._rounds = rounds
        self.accepted = 0
        self.refused = 0

    async def here(self) -> None:
        """Tell lies to both sides, and take them back."""
        for victim in self._pair.centers:
            liar = Liar(self._pair.other(victim), victim, self._random)
            for _ in range(self._rounds):
                with pytest.raises(TakenBack):
                    await victim.do(lambda desk, at=victim, by=liar: self._try(desk, at, by))  # type: ignore[misc]

    def _try(self, desk: Desk, victim: Center, liar: Liar) -> None:
        liar.learn(desk)
        for _ in range(self._random.randint(1, LIES_AT_ONCE)):
            if liar.tell(desk) is Outcome.ACCEPTED:
                self.accepted += 1
            else:
                self.refused += 1
        if self._random.random() < 0.5:
            liar.answer(desk)
        self._hall.look(desk, victim)
        _let_everything_lapse(desk)
        self._hall.look(desk, victim)
        raise TakenBack


def _let_everything_lapse(desk: Floor[Any]) -> None:
    desk.now_ms += 61 * DAY_MS
    for conversation in desk.ledger.due(desk.now_ms, 256):
        desk.lapse(conversation)


async def told(folder: Path, seed: int, rounds: int) -> Lies:
    """One honest evaluation with lies at each of its moments."""
    hall = Hall(folder)
    async with two_centers(hall) as pair:
        lies = Lies(pair, hall, seed, rounds)
        _interrupt(pair, lies.here)
        stage = await hall.drawn(pair)
        await honest.evaluate(stage)
        assert await stage.phases() == {"ARCHIVED"}
        return lies


def _interrupt(pair: TwoCenters, here: Callable[[], Awaitable[None]]) -> None:
    """Do something before every delivery that has something to deliver."""
    for center in pair.centers:
        outbox: Any = center.outbox
        peer, deliver = pair.other(center).id, outbox.deliver

        async def told_first(
            to: Any, center: Center = center, deliver: Any = deliver, peer: Any = peer
        ) -> bool:
            assert to == peer
            if await center.sql("SELECT 1 FROM said WHERE receipt IS NULL LIMIT 1"):
                await here()
            return bool(await deliver(to))

        outbox.deliver = told_first


@pytest.mark.parametrize("seed", range(2))
async def test_no_lie_makes_a_node_fail(tmp_path: Path, seed: int) -> None:
    lies = await told(tmp_path, seed, rounds=8)

    assert lies.accepted > 100, "lies that are all refused at the door prove little"
    assert lies.refused > lies.accepted
