"""The second pass of recusal (开标后回避): nobody on a list works for a bidder.

Bidders are secret until the bids are open, and never the pool's business (招标投标法 art. 22): the
host seals them to the regulator that the agreement names, the owner of a pool seals it the
employers of those on its list, again for each new list. The regulator's node compares
(``oversight_comparing``) and tells the owner who must recuse; the owner reports that with the
regulator's word as proof, and the lottery goes on. See ``federation.lottery.recusal``.
"""

from collections.abc import Iterable
from typing import Final

from federation.errors import Malformed
from federation.ids import CenterId, ConversationId
from federation.lottery import recusal
from federation.lottery.audit import exclusion_commitment
from federation.lottery.pool import USCC
from federation.lottery.recusal import Codes, Employer, Employers
from federation.protocol import draw as draw_words
from federation.protocol import session as session_words
from federation.protocol.conversation import REFUSED, Word
from federation.protocol.draw import OWNER, Response
from federation.protocol.oversight import Drawn, Recuse, SubmitBidders, SubmitEmployers
from federation.trust.keys import Purpose
from federation.trust.suite import Suite, UnknownSuite, enc, suite, u32
from node.domain import codes
from node.domain.refusal import Inadmissible
from node.domain.workday import local_time
from node.services.departures import Departures
from node.services.draw_files import DrawFiles, word_in
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.evaluated import evaluated_legs
from node.services.house import Desk
from node.services.oversight_asking import regulator_of
from node.store import bidders, bookings, draws, experts, oversight, projects, sessions, todos
from node.store.bidders import BiddersRow
from node.store.bookings import BookingRow
from node.store.cipher import ColumnCipher
from node.store.draws import DrawRow

NOT_COMPARED: Final = "recusal_not_compared"
"""The to-do by which the staff learns that the regulator could not be told who is on a list."""
LATE: Final = "recusal_late"
"""The to-do by which the staff learns that a member who had to recuse has signed the report."""
MAX_BIDDERS: Final = recusal.MAX_CODES
REGULATOR: Final = "regulator"
_COLUMN: Final = "bidders.sealed"
_COMPARED: Final = "监管部门比对:应当回避(单位为投标人,或另一名单上已有同单位或同一人)"
_SIGNED: Final = frozenset({
    session_words.FINISHED, session_words.HANDED_OVER, session_words.ARCHIVED,
})  # fmt: skip


class Recusal:
    """Tells the regulator of bidders and employers, and follows its answer."""

    def __init__(self, files: DrawFiles, departures: Departures, cipher: ColumnCipher) -> None:
        self._files = files
        self._departures = departures
        self._cipher = cipher

    # At the host

    def submit_bidders(self, desk: Desk, project: bytes, named: Iterable[str], by: str) -> int:
        """Enter the bidders, once the bids are open; answers of how many lists they were told.

        They are told again with every list that is sealed later. Entered again, the last counts.

        Raises:
            NotFound: No such project here.
            Invalid: None, too many, one twice, or a code that cannot be.
            Conflicting: The bids are not open yet, no sub-venue is confirmed, or no agreement
                names a regulator who could compare.
        """
        connection = desk.ledger.connection
        row = projects.get(connection, project)
        if row is None:
            raise NotFound("没有这个项目", "there is no such project")
        opens_ms = row.project.bid_deadline_ms
        if desk.now_ms < opens_ms:
            raise Conflicting(
                f"开标前投标人名单保密,{local_time(opens_ms)}(北京时间)后方可提交",
                f"bidders are secret until the bids are open: {local_time(opens_ms)} Beijing time",
            )
        legs = [
            leg
            for leg in evaluated_legs(desk, row)
            if self._files.terms(desk, leg.agreement).regulator
        ]
        if not legs:
            raise Conflicting(
                "协议没有约定监管节点,投标人回避无人可比对;请在签到时由专家自行声明",
                "no agreement names a regulator: nobody could compare; experts declare for "
                "themselves when they check in",
            )
        told = Codes(_checked(named), desk.new_secret())
        sealed = self._cipher.seal(_COLUMN, project.hex(), recusal.encode_codes(told).decode())
        bidders.put(connection, BiddersRow(project, sealed, by, desk.now_ms))
        return sum(self._tell_bidders(desk, leg) for leg in legs)

    def _tell_bidders(self, desk: Desk, leg: BookingRow) -> int:
        """Say who bids, and of which lists, if that is news; answers how many lists."""
        connection = desk.ledger.connection
        kept = None if leg.project is None else bidders.get(connection, leg.project)
        if kept is None:
            return 0
        found = [
            row
            for row in draws.of_booking(connection, leg.conversation)
            if row.phase not in {draw_words.VOID, REFUSED}
        ]
        if not all(self._files.is_sealed(desk, row) for row in found):
            return 0  # told once the last of them is
        chosen = self._suite(desk, leg.agreement)
        lists = [(row, self._listed(desk, row)) for row in found]
        drawn = tuple(Drawn(row.id, listed) for row, listed in lists if listed)
        mark = chosen.tagged(
            "bidders-told", kept.sealed, *(enc(each.draw_id, *each.entries) for each in drawn)
        )
        if not drawn or bidders.told(connection, leg.conversation) == mark:
            return 0
        told = recusal.decode_codes(
            self._cipher.open(_COLUMN, kept.project.hex(), kept.sealed).encode()
        )
        info = recusal.bidders_info(chosen, leg.conversation)
        sealed = self._sealed(desk, found[0], chosen, info, recusal.encode_codes(told))
        if sealed is None:
            return 0
        regulator, box = sealed
        commitment = exclusion_commitment(chosen, told.salt, told.codes)
        desk.open(
            regulator,
            None,
            SubmitBidders(
                leg.conversation, drawn, commitment, box, chosen.tagged("evaluation", kept.project)
            ),
            suite_id=chosen.suite_id,
        )
        bidders.set_told(connection, leg.conversation, mark)
        return len(drawn)

    # At the owner of a pool

    def changed(self, desk: Desk, booking: bytes) -> None:
        """Who is on a list has changed: tell the regulator of every list that is sealed."""
        connection = desk.ledger.connection
        leg = bookings.get(connection, booking)
        if leg is None or not self._files.terms(desk, leg.agreement).regulator:
            return
        for row in draws.of_booking(connection, booking):
            if row.role == OWNER and self._files.is_sealed(desk, row):
                self._tell_employers(desk, row)
        self._tell_bidders(desk, leg)

    def _tell_employers(self, desk: Desk, row: DrawRow) -> None:
        connection = desk.ledger.connection
        seen = self._files.view(desk, row)
        assert seen.walk is not None, "a sealed list was walked to"
        assert seen.opening is not None, "and opened"
        mark = u32(seen.walk.revision)
        if bidders.told(connection, row.id) == mark or not seen.walk.chosen:
            return  # a list that stayed empty is nobody's to compare
        pool = self._files.own_pool(desk, row)
        chosen = desk.suite_of(ConversationId(row.id))
        regulator = self._files.terms(desk, row.agreement).regulator
        members = []
        for slot, entry in seen.walk.chosen:
            digests, (opened,) = pool.open(entry, (USCC,))
            members.append(
                Employer(
                    entry,
                    seen.opening.slots[slot].specialty,
                    digests,
                    opened.salt,
                    opened.value.decode(),
                    self._person(desk, chosen, regulator, pool.member(entry)),
                )
            )
        plain = recusal.encode_employers(Employers(pool.name, pool.epoch, tuple(members)))
        info = recusal.employers_info(chosen, row.id)
        sealed = self._sealed(desk, row, chosen, info, plain)
        if sealed is None:
            return
        regulator, box = sealed
        desk.open(regulator, None, SubmitEmployers(row.id, box), suite_id=chosen.suite_id)
        bidders.set_told(connection, row.id, mark)

    def _person(self, desk: Desk, chosen: Suite, regulator: str, uid: str) -> bytes:
        found = experts.get(desk.ledger.connection, self._cipher, uid)
        # Nobody is like who was struck from the register since.
        number = uid if found is None else str(found.id_number)
        return recusal.person_token(chosen, regulator, number)

    def heard(self, desk: Desk, draw: bytes, word: Word) -> None:
        """The regulator has compared: who works for a bidder leaves our list, on its word."""
        connection = desk.ledger.connection
        row = draws.get(connection, draw)
        if not isinstance(word, Recuse) or row is None or row.role != OWNER:
            return
        proof = _as_signed(desk, draw, word)
        held = sessions.live_of_booking(connection, row.booking)
        seen = self._files.view(desk, row)
        listed = {entry for _, entry in seen.walk.chosen} if seen.walk else set()
        concerned = sorted(listed & set(word.recused))
        signed = held is not None and held.phase in _SIGNED
        if concerned and (signed or row.phase == draw_words.CLOSED):
            _leave(
                desk, LATE, row,
                f"监管部门比对:{len(concerned)}名评标专家的单位是投标人,而评标报告已签署;"
                "请立即报告监督部门",
                f"{len(concerned)} member(s) work for a bidder, and the report is signed: tell the "
                "supervisors at once",
            )  # fmt: skip
            return
        if row.phase in draw_words.DRAW.over:
            return  # nobody sits: the draw came to nothing while it was compared
        for entry in concerned:
            self._departures.depart(
                desk, draw, entry, Response.RECUSED, reason=_COMPARED, by=REGULATOR, proof=proof,
            )  # fmt: skip

    def _listed(self, desk: Desk, row: DrawRow) -> tuple[bytes, ...]:
        walk = self._files.view(desk, row).walk
        assert walk is not None, "a sealed list was walked to"
        return tuple(sorted(entry for _, entry in walk.chosen))

    def _suite(self, desk: Desk, agreement: bytes) -> Suite:
        return suite(self._files.terms(desk, agreement).suite)

    def _sealed(
        self, desk: Desk, row: DrawRow, chosen: Suite, info: bytes, plain: bytes
    ) -> tuple[CenterId, bytes] | None:
        """Seal something to the regulator; None, and a to-do, where that cannot be."""
        try:
            regulator, key = _box(desk, row, chosen)
        except (Conflicting, UnknownSuite) as error:
            zh, en = (error.zh, error.en) if isinstance(error, Conflicting) else (str(error),) * 2
            _leave(
                desk, NOT_COMPARED, row,
                f"无法请监管节点比对投标人与专家单位:{zh}",
                f"the regulator cannot be asked to compare bidders and employers: {en}",
            )  # fmt: skip
            return None
        return regulator, chosen.seal(key, info, plain)


def _box(desk: Desk, row: DrawRow, chosen: Suite) -> tuple[CenterId, bytes]:
    """The regulator and its key. Raises Conflicting, UnknownSuite: there is none."""
    regulator = regulator_of(desk, row)
    desk.identity.face(chosen.suite_id)
    key = desk.keyring.peers[regulator].key_for(Purpose.SEALING, chosen.suite_id, desk.now_ms)
    if key is None:
        raise Conflicting(
            f"监管节点{regulator}没有{chosen.suite_id}的加密公钥",
            f"the regulator {regulator} has no sealing key of {chosen.suite_id}",
        )
    return regulator, key.key


def _checked(named: Iterable[str]) -> tuple[str, ...]:
    """Credit codes as people typed them in. Raises Invalid."""
    found: list[str] = []
    for text in named:
        try:
            found.append(str(codes.uscc(text)))
        except Inadmissible as error:
            raise Invalid(f"“{text[:32]}”:{error.zh}", f"{text[:32]!r}: {error.en}") from error
    if not 0 < len(found) <= MAX_BIDDERS:
        raise Invalid(
            f"投标人应有1至{MAX_BIDDERS}家,共{len(found)}家",
            f"{len(found)} bidders were entered, not 1 to {MAX_BIDDERS}",
        )
    if len(set(found)) < len(found):
        raise Invalid("投标人名单中有重复的统一社会信用代码", "a bidder is entered twice")
    return tuple(sorted(found))


def _as_signed(desk: Desk, draw: bytes, word: Recuse) -> bytes:
    for asked in oversight.asked_about(desk.ledger.connection, draw):
        if asked.answer == Recuse.__name__ and asked.envelope is not None:
            try:
                if word_in(asked.envelope, asked.peer) == word:
                    return asked.envelope
            except Malformed:
                continue
    raise LookupError(f"no Recuse of draw {draw.hex()} is kept")


def _leave(desk: Desk, kind: str, row: DrawRow, zh: str, en: str) -> None:
    todos.add(
        desk.ledger.connection,
        role="staff",
        kind=kind,
        subject=row.id,
        zh=zh,
        en=en,
        now_ms=desk.now_ms,
    )
