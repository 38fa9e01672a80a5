"""Which window a booking has after some words: as it was held, or as it was last settled to be.

A booking may be moved or extended after it stands (``protocol.change``). What was asked for
counts once the sub has consented and the host has settled it with CONFIRM, and not before. The
first decision on a change stands.
"""

from collections.abc import Iterable

from federation.protocol.booking import Answer, Consent, Decision, Extend, Hold, Move, Settle
from federation.protocol.conversation import Word


def window_after(words: Iterable[Word]) -> tuple[int, int]:
    """(start, end) of a booking, unix milliseconds.

    Args:
        words: Of the booking, in the order of one log, its ``Hold`` among them; (0, 0) without.
    """
    window = (0, 0)
    settled: set[bytes] = set()
    asked: dict[bytes, tuple[int, int]] = {}
    consented: set[bytes] = set()
    for word in words:
        if isinstance(word, Hold):
            window = (word.start_ms, word.end_ms)
        elif isinstance(word, Move):
            asked[word.change_id] = (word.start_ms, word.end_ms)
        elif isinstance(word, Extend):
            asked[word.change_id] = (window[0], word.end_ms)
        elif isinstance(word, Consent) and word.answer is Answer.YES:
            consented.add(word.change_id)
        elif (
            isinstance(word, Settle)
            and word.change_id in consented
            and word.change_id not in settled  # said once more it changes nothing, here as there
        ):
            settled.add(word.change_id)
            if word.decision is Decision.CONFIRM:
                window = asked.get(word.change_id, window)
    return window
