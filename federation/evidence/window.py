"""Which window a booking had at a moment: as it was held, or as it was last settled to be.

A booking may be moved or extended after it stands (``protocol.change``). What was asked for
counts once the host has settled it with CONFIRM, and not before.
"""

from federation.evidence.case import Case
from federation.protocol.booking import Decision, Extend, Hold, Move, Settle


def window_before(case: Case, booking: bytes, center: str, index: int) -> tuple[int, int]:
    """(start, end) of a booking, unix milliseconds, by its words before a place in a log.

    Args:
        case: The dossier.
        booking: The conversation; it has a ``Hold``.
        center: Whose log.
        index: The place.
    """
    window = (0, 0)
    asked: dict[bytes, tuple[int, int]] = {}
    for told in sorted(case.talks[booking], key=lambda each: each.index(center)):
        if told.index(center) >= index:
            break
        word = told.word
        if isinstance(word, Hold):
            window = (word.start_ms, word.end_ms)
        elif isinstance(word, Move):
            asked[word.change_id] = (word.start_ms, word.end_ms)
        elif isinstance(word, Extend):
            asked[word.change_id] = (window[0], word.end_ms)
        elif isinstance(word, Settle) and word.decision is Decision.CONFIRM:
            window = asked.get(word.change_id, window)
    return window
