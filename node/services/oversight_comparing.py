"""The regulator's node lays bidders and employers beside each other (开标后回避).

Both come sealed, from two centers, in any order; they are kept as they came, opened in memory
when both are there, and only the answer leaves: which handles must recuse. No officer takes
part, as nothing is allowed or opened for anybody (招标投标法 art. 22 and 37).
"""

from federation.engine.inside import Said
from federation.errors import Conflict, Malformed, Refused, TooEarly
from federation.ids import ConversationId
from federation.lottery import recusal
from federation.protocol import oversight as words
from federation.protocol.contribution import CONTRIBUTOR, AskValue
from federation.protocol.conversation import Conversation
from federation.protocol.draw import Open
from federation.protocol.oversight import DenyRequest, Recuse, SubmitBidders, SubmitEmployers
from federation.trust.suite import CannotOpen, Digests
from federation.wire.words import PAYLOAD_TYPES, decode_word, encode_word
from node.services.draw_files import word_in
from node.services.house import Desk
from node.services.outside_values import envelope_of
from node.store import contributions, oversight, transcripts
from node.store.oversight import Submission

_BIDDERS = SubmitBidders.__name__
_EMPLOYERS = SubmitEmployers.__name__
_WAITING = frozenset({words.COMPARING, words.UNANSWERED})


def admit(desk: Desk, conversation: Conversation, word: SubmitBidders | SubmitEmployers) -> None:
    """Refuse what somebody else has submitted before: one host, one owner for each draw.

    Raises:
        Malformed: A draw or an entry twice.
        Conflict: Another center speaks for the draw.
        TooEarly: The bids are not open yet, as far as we know of the draw.
    """
    ids = _draws(word)
    if len(set(ids)) < len(ids):
        raise Malformed("a draw is named twice", clause="draws")
    if isinstance(word, SubmitBidders):
        for each in word.draws:
            _check_deadline(desk, each.draw_id)
            if len(set(each.entries)) < len(each.entries):
                raise Malformed("an entry is named twice", clause="entries")
    for draw in ids:
        for row in oversight.submissions(desk.ledger.connection, draw):
            if row.word == type(word).__name__ and row.peer != conversation.peer:
                raise Conflict("another center has submitted this for the draw", clause="draw_id")
            if row.suite != conversation.suite:
                raise Refused(f"the draw is under {row.suite}", clause="suite")


def _check_deadline(desk: Desk, draw: bytes) -> None:
    """Who gives a value for a draw was shown how it was opened, and so knows when bids close."""
    for row in contributions.of_draw(desk.ledger.connection, draw, CONTRIBUTOR).values():
        asked = word_in(envelope_of(desk, row.conversation, AskValue), row.peer)
        assert isinstance(asked, AskValue), "it was looked up by its type"
        opening = word_in(asked.opening, row.sealer)
        assert isinstance(opening, Open), "checked when it was heard"
        if desk.now_ms < opening.bid_deadline_ms:
            raise TooEarly(
                "bidders are secret until the bids are open",
                clause="bid_deadline_ms",
                alternative=f"at_ms={opening.bid_deadline_ms}",
            )


def heard(desk: Desk, spoken: Said) -> None:
    """Keep what came, and compare what is complete by now."""
    word, conversation = spoken.word, spoken.conversation
    assert isinstance(word, SubmitBidders | SubmitEmployers), "the dispatcher hands nothing else"
    for draw in _draws(word):
        row = Submission(
            conversation=conversation.id,
            word=type(word).__name__,
            peer=conversation.peer,
            suite=conversation.suite,
            draw=draw,
            body=encode_word(word),
            at_ms=desk.now_ms,
            evaluation=word.evaluation_id if isinstance(word, SubmitBidders) else b"",
        )
        oversight.submit(desk.ledger.connection, row)
        _compare(desk, draw)


def _draws(word: SubmitBidders | SubmitEmployers) -> list[bytes]:
    if isinstance(word, SubmitEmployers):
        return [word.draw_id]
    return [each.draw_id for each in word.draws]


def _compare(desk: Desk, draw: bytes) -> None:
    """Answer every submission of employers that waits, if the bidders are there."""
    rows = oversight.submissions(desk.ledger.connection, draw)
    told = [row for row in rows if row.word == _BIDDERS]
    if not told:
        return
    bidders = max(told, key=lambda row: _heard_at(desk, row))
    for row in rows:
        known = desk.ledger.conversation(ConversationId(row.conversation))
        if row.word == _EMPLOYERS and known is not None and known.phase in _WAITING:
            answer = _answer(desk, draw, bidders, row)
            if answer is not None:
                desk.say(known.id, answer)


def _answer(
    desk: Desk, draw: bytes, bidders: Submission, employers: Submission
) -> Recuse | DenyRequest | None:
    """What to say to the owner; None: of a newer list the host has not told yet who is on it."""
    host = decode_word(PAYLOAD_TYPES[SubmitBidders], bidders.body)
    owner = decode_word(PAYLOAD_TYPES[SubmitEmployers], employers.body)
    assert isinstance(host, SubmitBidders), "stored as what it is"
    assert isinstance(owner, SubmitEmployers), "stored as what it is"
    digests = desk.suite_of(ConversationId(employers.conversation))
    listed = next(each.entries for each in host.draws if each.draw_id == draw)
    try:
        codes = recusal.decode_codes(
            _opened(desk, digests, recusal.bidders_info(digests, host.booking_id), host.sealed)
        )
        recusal.check_codes(digests, codes, host.exclusion_commitment)
    except (Malformed, CannotOpen) as error:
        return DenyRequest(f"the bidders that {bidders.peer} submitted: {_why(error)}")
    try:
        told = recusal.decode_employers(
            _opened(desk, digests, recusal.employers_info(digests, draw), owner.sealed)
        )
        another = {one.entry for one in told.members} != set(listed)
        if another and _heard_at(desk, bidders) < _heard_at(desk, employers):
            return None
        taken, seated = _taken(desk, bidders, employers)
        found = recusal.recused(digests, {*codes.codes, *taken}, told, listed, seated)
    except (Malformed, CannotOpen) as error:
        return DenyRequest(f"the employers that {employers.peer} submitted: {_why(error)}")
    return Recuse(draw, found)


def _taken(
    desk: Desk, bidders: Submission, ours: Submission
) -> tuple[frozenset[str], frozenset[bytes]]:
    """Employers and persons on the other owners' lists for the same evaluation.

    No employer and no person sits twice on a committee; within a pool the lottery sees to it, but
    tokens of two pools cannot be compared. Whose list was compared first stays. Persons can be
    compared under one suite only, employers always.
    """
    taken, seated = set[str](), set[bytes]()
    connection = desk.ledger.connection
    for draw in oversight.draws_of_evaluation(connection, bidders.peer, bidders.evaluation):
        rows = [
            row
            for row in oversight.submissions(connection, draw)
            if row.word == _EMPLOYERS and row.peer != ours.peer and _answered(desk, row) is not None
        ]
        if rows:
            last = max(rows, key=lambda row: _heard_at(desk, row))
            word = decode_word(PAYLOAD_TYPES[SubmitEmployers], last.body)
            assert isinstance(word, SubmitEmployers), "stored as what it is"
            digests = desk.suite_of(ConversationId(last.conversation))
            info = recusal.employers_info(digests, draw)
            told = recusal.decode_employers(_opened(desk, digests, info, word.sealed))
            gone = _answered(desk, last) or ()
            sit = [one for one in told.members if one.entry not in gone]
            taken |= {one.value for one in sit if one.value}
            seated |= {one.person for one in sit}
    return frozenset(taken), frozenset(seated)


def _answered(desk: Desk, row: Submission) -> tuple[bytes, ...] | None:
    """Whom we have said must recuse of that list; None: it was not compared."""
    known = desk.ledger.conversation(ConversationId(row.conversation))
    if known is None or known.phase != words.COMPARED:
        return None
    answer = word_in(envelope_of(desk, row.conversation, Recuse), row.peer)
    assert isinstance(answer, Recuse), "it was looked up by its type"
    return answer.recused


def _heard_at(desk: Desk, row: Submission) -> int:
    """Which came first: by our log, as two may come within one millisecond."""
    first, *_ = transcripts.of_conversation(desk.ledger.connection, row.conversation)
    return first.log_index


def _opened(desk: Desk, digests: Digests, info: bytes, sealed: bytes) -> bytes:
    return desk.identity.face(digests.suite_id).unseal(info, sealed)


def _why(error: Malformed | CannotOpen) -> str:
    return error.detail if isinstance(error, Malformed) else "they do not open with our keys"
