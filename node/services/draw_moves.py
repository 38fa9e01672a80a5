"""Our moves in a draw: what we say next, as owner and as sealer.

Every move is said in the transaction of the word or the answer that it follows. What must
be done outside, a call or a delivery, is left as an errand.
"""

from dataclasses import dataclass
from typing import Final

from federation.engine.inside import Said
from federation.ids import CenterId, ConversationId
from federation.lottery import ranking, walk
from federation.lottery.escrow import seal_escrow
from federation.lottery.walk import Ask, Exhausted, Settled
from federation.protocol import draw as words
from federation.protocol.draw import (
    SEALER,
    AcceptDraw,
    Commit,
    Fault,
    Next,
    Open,
    Proceed,
    Report,
    Response,
    Reveal,
    Ruling,
    Shortfall,
    Slot,
    Verdict,
)
from federation.protocol.peering import AnnouncePool
from federation.trust.keys import Purpose
from federation.wire.envelopes import decode_statement
from federation.wire.words import decode_word
from node.services import draw_exclusions, outside_values
from node.services.draw_exclusions import NONE, Exclusion
from node.services.draw_files import DrawFiles
from node.services.draw_view import DrawView
from node.services.house import Desk
from node.store import bookings, draws, errands, transcripts
from node.store.cipher import ColumnCipher
from node.store.draws import DrawRow

CALL: Final = "call_expert"
CONFIRM: Final = "confirm_expert"
SEAL: Final = "seal_list"
PUSH: Final = "push_list"


@dataclass(frozen=True, slots=True)
class Again:
    """What a draw comes in place of.

    Args:
        supersedes: The draw that came to nothing; empty for the first from its pool.
        permit: The regulator's leave, as it was signed; empty where none is needed.
    """

    supersedes: bytes = b""
    permit: bytes = b""


FIRST: Final = Again()


class DrawMoves:
    """Makes our moves."""

    def __init__(self, files: DrawFiles, cipher: ColumnCipher) -> None:
        self._files = files
        self._cipher = cipher

    def opening(
        self,
        desk: Desk,
        *,
        booking: bytes,
        announced: AnnouncePool,
        slots: tuple[Slot, ...],
        owner: str,
        times: tuple[int, int],
        exclusion: Exclusion = NONE,
        again: Again = FIRST,
    ) -> Open:
        """The ``Open`` for a draw that we seal; ``times`` are bid deadline and start."""
        earlier = draws.of_booking(desk.ledger.connection, booking)
        opened = sum(1 for row in earlier if self._files.was_opened(desk, row))
        leg = bookings.get(desk.ledger.connection, booking)
        assert leg is not None, "a draw belongs to a booking"
        outside = self._outsiders(desk, leg.agreement, again.supersedes)
        return Open(
            booking_id=booking,
            sequence=opened + 1,
            pool=announced.pool,
            epoch=announced.epoch,
            root=announced.root,
            slots=slots,
            contributors=(owner, *outside, desk.identity.center),
            bid_deadline_ms=times[0],
            evaluation_start_ms=times[1],
            exclusion_commitment=exclusion.commitment,
            exclusion_sealed=exclusion.sealed,
            supersedes=again.supersedes,
            permit=again.permit,
        )

    def _outsiders(self, desk: Desk, agreement: bytes | None, supersedes: bytes) -> tuple[str, ...]:
        """Who is asked for a value from outside: whom the agreement names.

        Who was silent in the draw that this one supersedes is left out, unless too few remain.
        """
        terms = self._files.terms(desk, agreement)
        silent: set[str] = set()
        if supersedes:
            for line in transcripts.of_conversation(desk.ledger.connection, supersedes):
                word = decode_word(line.payload_type, decode_statement(line.payload).body)
                if isinstance(word, Fault):
                    silent |= set(word.silent)
        left = tuple(each for each in terms.outside_contributors if each not in silent)
        enough = len(left) >= max(1, terms.min_outside_contributors)
        return left if enough else terms.outside_contributors

    def begin(self, desk: Desk, spoken: Said, booking: bytes, pool: str, epoch: str) -> None:
        """Keep a new draw, with a fresh random value of ours."""
        connection = desk.ledger.connection
        conversation = spoken.conversation
        leg = bookings.get(connection, booking)
        assert leg is not None, "admitted only with a confirmed booking"
        assert conversation.agreement is not None, "a draw has an agreement"
        draws.add(
            connection,
            DrawRow(
                id=conversation.id,
                role=conversation.role,
                peer=conversation.peer,
                booking=booking,
                project=leg.project,
                pool=pool,
                epoch=epoch,
                sealed_value=self._cipher.seal(
                    "draw.sealed_value",
                    conversation.id.hex(),
                    (desk.new_secret()).hex(),
                ),
                reveal_after=None,
                exclusion_salt=None,
                phase=conversation.phase,
                agreement=conversation.agreement,
            ),
            desk.now_ms,
        )

    def accept(self, desk: Desk, row: DrawRow, opening: Open) -> None:
        """The owner accepts: shows the committed entries and commits to its value."""
        pool = self._files.own_pool(desk, row)
        wanted = sorted({slot.specialty for slot in opening.slots})
        desk.say(ConversationId(row.id), AcceptDraw(tuple(pool.listing(name) for name in wanted)))
        outside_values.ask(desk, row.id, opening)
        self.pledged(desk, row.id)

    def pledged(self, desk: Desk, draw: bytes) -> None:
        """The owner commits once every outside contributor has."""
        row = self._files.row(desk, draw)
        seen = self._files.view(desk, row)
        if row.phase != words.ACCEPTED or seen.opening is None:
            return
        pledges = outside_values.pledges(desk, draw, seen.opening.outside)
        if pledges is not None:
            desk.say(ConversationId(draw), Commit(self._commitment(desk, row, seen), pledges))

    def _commitment(self, desk: Desk, row: DrawRow, seen: DrawView) -> bytes:
        return ranking.commitment(
            seen.digests, seen.open_hash, desk.identity.center, self._files.value(row)
        )

    def committed(self, desk: Desk, row: DrawRow) -> None:
        """The other side has committed: the sealer follows, the owner waits for the cosignature."""
        if row.role == SEALER:
            seen = self._files.view(desk, row)
            desk.say(
                ConversationId(row.id),
                Commit(self._commitment(desk, row, seen), escrow=self._escrow(desk, row, seen)),
            )
            return
        # Nobody reveals before the other center has cosigned a log that holds every commit.
        size, _ = desk.ledger.log_head(desk.suite_of(ConversationId(row.id)).suite_id)
        draws.set_reveal_after(desk.ledger.connection, row.id, size)

    def bind(self, desk: Desk, row: DrawRow) -> None:
        """The owner has the cosignature: outside contributors open their values, then we ours."""
        seen = self._files.view(desk, row)
        assert seen.opening is not None, "everybody has committed to it"
        outside_values.bind(desk, row.id, seen.opening.contributors[-1])
        self.contributed(desk, row.id)

    def contributed(self, desk: Desk, draw: bytes) -> None:
        """The owner reveals once every outside value is there, or was waited for in vain."""
        row = self._files.row(desk, draw)
        seen = self._files.view(desk, row)
        if row.phase != words.COMMITTED or row.reveal_after is not None or seen.opening is None:
            return
        values = outside_values.values(desk, draw, seen.opening.outside)
        if values is None:
            return
        least = self._files.terms(desk, row.agreement).min_outside_contributors
        if sum(bool(value) for value in values) < least:
            pairs = zip(seen.opening.outside, values, strict=True)
            self.without(desk, draw, *(center for center, value in pairs if not value))
            return
        desk.say(ConversationId(draw), Reveal(self._files.value(row), values))
        outside_values.account(desk, draw)

    def without(self, desk: Desk, draw: bytes, *silent: str) -> None:
        """The owner cannot go on without these contributors: the draw is void."""
        row = self._files.row(desk, draw)
        if row.phase in {words.ACCEPTED, words.COMMITTED}:
            named = ", ".join(silent)
            detail = f"outside contributors gave no value: {named}"
            desk.say(ConversationId(draw), Fault(row.phase, detail, silent))

    def _escrow(self, desk: Desk, row: DrawRow, seen: DrawView) -> bytes:
        """Our value in the regulator's safe, where the agreement names one."""
        regulator = self._files.terms(desk, row.agreement).regulator
        if not regulator:
            return b""
        chosen = desk.suite_of(ConversationId(row.id))
        pinned = desk.keyring.peers[CenterId(regulator)]
        key = pinned.key_for(Purpose.SEALING, chosen.suite_id, desk.now_ms)
        assert key is not None, "a descriptor has a sealing key of each of its suites"
        return seal_escrow(
            chosen, key.key, seen.open_hash, desk.identity.center, self._files.value(row)
        )

    def ask_next(self, desk: Desk, row: DrawRow) -> None:
        """The sealer names the next entry, unless it is for the owner to go on."""
        seen = self._files.view(desk, row)
        if seen.walk is None or seen.walk.pending is not None or row.phase != words.WALKING:
            return
        if not isinstance(seen.walk.due, walk.Place):
            return  # the owner says Shortfall or Result
        ask = walk.next_step(seen.walk, self._files.orders(row, seen))
        assert isinstance(ask, Ask), "a place is due, so somebody is asked"
        desk.say(
            ConversationId(row.id),
            Next(
                step=seen.walk.steps,
                slot=ask.slot,
                rank=ask.rank,
                entry=ask.entry,
                previous_step=seen.walk.head,
            ),
        )

    def rule(self, desk: Desk, row: DrawRow, word: Next) -> None:
        """The owner rules on an entry; an invited expert is called."""
        if not self._ruled(desk, row, word):
            self.go_on(desk, row)

    def _proceed(self, desk: Desk, row: DrawRow, seen: DrawView) -> bool:
        """The owner names the next entry itself, and rules on it; answers whether it is called."""
        assert seen.walk is not None, "checked by the caller"
        ask = walk.next_step(seen.walk, self._files.orders(row, seen))
        assert isinstance(ask, Ask), "a place is due, so somebody is asked"
        word = Proceed(seen.walk.steps, ask.slot, ask.rank, ask.entry, seen.walk.head)
        desk.say(ConversationId(row.id), word)
        return self._ruled(desk, row, word)

    def _ruled(self, desk: Desk, row: DrawRow, word: Next | Proceed) -> bool:
        """The owner's verdict; answers whether an expert is called."""
        seen = self._files.view(desk, row)
        assert seen.walk is not None, "entries are asked on a walk"
        pool = self._files.own_pool(desk, row)
        avoided = draw_exclusions.known(desk, row)
        codes = avoided.codes if avoided else ()
        ruling = walk.rule(seen.walk, pool.attributes(word.entry), codes)
        digests, openings = pool.open(word.entry, walk.OPENED_FOR[ruling])
        desk.say(
            ConversationId(row.id),
            Verdict(word.entry, ruling, digests, openings, seen.walk.head),
        )
        if ruling is Ruling.INVITE:
            draws.invite(
                desk.ledger.connection,
                row.id,
                word.entry,
                word.slot,
                pool.member(word.entry),
                desk.now_ms,
            )
            self.leave_errand(desk, CALL, row.id, word.entry.hex(), entry=word.entry.hex())
        return ruling is Ruling.INVITE

    def report(
        self,
        desk: Desk,
        row: DrawRow,
        entry: bytes,
        response: Response,
        receipt: bytes,
        *,
        proof: bytes = b"",
    ) -> None:
        """The owner reports an answer, or that somebody left the list, and goes on."""
        seen = self._files.view(desk, row)
        assert seen.walk is not None, "experts are invited on a walk"
        evidence = desk.suite_of(ConversationId(row.id)).tagged("evidence", receipt)
        draws.answer(desk.ledger.connection, row.id, entry, response.name, evidence, desk.now_ms)
        desk.say(ConversationId(row.id), Report(entry, response, evidence, seen.walk.head, proof))
        self.go_on(desk, row)

    def go_on(self, desk: Desk, row: DrawRow) -> None:
        """The owner declares shortfalls and, when every slot is settled, seals the list.

        Where the sealer is silent and its escrow open, it names who comes next, too.
        """
        while True:
            seen = self._files.view(desk, row)
            assert seen.walk is not None, "a walk has begun"
            due = seen.walk.due
            if seen.walk.pending is not None:
                return
            if isinstance(due, walk.Place):
                if not seen.walk.rescued or self._proceed(desk, row, seen):
                    return
                continue
            if seen.walk.sealed:
                return
            if isinstance(due, Settled):
                revision = str(seen.walk.revision + 1)
                self.leave_errand(desk, SEAL, row.id, revision)
                return
            assert isinstance(due, Exhausted), "the third of three"
            desk.say(ConversationId(row.id), Shortfall(due.slot, due.missing))

    def leave_errand(
        self, desk: Desk, kind: str, draw: bytes, key: str, **argument: object
    ) -> None:
        """Leave something to be done outside, once under its key."""
        errands.add(
            desk.ledger.connection,
            kind=kind,
            key=f"{kind}:{draw.hex()}:{key}",
            argument={"draw": draw.hex(), **argument},
            not_before_ms=desk.now_ms,
        )
