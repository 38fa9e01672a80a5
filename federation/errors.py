"""Everything that can go wrong between two centers.

A ``FederationError`` is a sentence we are willing to say to an agreement partner,
inside a signed refusal. Its family alone tells the other side what to do next:

* ``Refused``      you may not; asking again will not help.
* ``Conflict``     you may, but not as things stand; look again, then decide.
* ``Unavailable``  nobody is at fault; the same word may be accepted later.

``reason`` is the wire's vocabulary (``RefusalReason`` in ``federation.proto``).
``Unauthenticated`` is apart: whoever cannot be told from a stranger hears one
constant sentence, whatever was wrong. Any other exception is a bug or an outage of
our own: the peer hears INTERNAL and nothing more, the operator reads the log.
"""

from typing import ClassVar


class FederationError(Exception):
    """Base of every error that may be said to a peer.

    Args:
        detail: One sentence: what was wrong, where, and what to do.
        clause: The agreement's term or the rule of law that forbids it, or "".
        alternative: A machine-readable proposal of what would be accepted, or "".
    """

    reason: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, *, clause: str = "", alternative: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.clause = clause
        self.alternative = alternative


class Refused(FederationError):
    """The word is not allowed, now or later."""

    reason = "NOT_ALLOWED"


class Conflict(FederationError):
    """The word is allowed but does not fit how things stand."""

    reason = "CONFLICT"


class Unavailable(FederationError):
    """The same word may be accepted later."""

    reason = "UNAVAILABLE"
    retryable = True


class Recovering(Unavailable):
    """This center has lost words and fetches them back; it is here, and takes no new work."""


class Malformed(Refused):
    """The word is not what the protocol describes."""

    reason = "MALFORMED"


class WrongRecipient(Refused):
    """The word is addressed to another center."""

    reason = "WRONG_RECIPIENT"


class NotFresh(Refused):
    """The word was signed too long ago, or in the future."""

    reason = "NOT_FRESH"


class NotYet(NotFresh):
    """The word is of a time to come: one of the two clocks is wrong, and will be set."""

    retryable = True


class NoAgreement(Refused):
    """No agreement in force lets this center ask for this."""

    reason = "NO_AGREEMENT"


class OutOfScope(Refused):
    """The agreement in force does not cover this."""

    reason = "OUT_OF_SCOPE"


class OutOfTurn(Conflict):
    """The word does not follow from the last one, or is for the other side to say."""

    reason = "OUT_OF_TURN"


class SeatsTaken(Conflict):
    """Someone else holds the seats for that time."""

    reason = "SEATS_TAKEN"


class TooEarly(Conflict):
    """The law or the agreement does not allow it yet."""

    reason = "TOO_EARLY"


class Overtaken(TooEarly):
    """The word has overtaken one of another conversation that it follows from; say it again."""

    retryable = True


class TooLate(Refused):
    """The time for it has passed."""

    reason = "TOO_LATE"


class QuotaSpent(Unavailable):
    """The agreement's quota is used up until it renews."""

    reason = "QUOTA_SPENT"


class Unauthenticated(Exception):
    """The bytes could not be tied to a known center. The peer hears one constant sentence.

    Args:
        cause: For our own log and metrics only: ``unparsable``, ``unknown_sender``,
            ``unknown_key``, ``foreign_suite``, ``bad_signature``, ``wrong_certificate``,
            ``oversized``.
    """

    def __init__(self, cause: str) -> None:
        super().__init__("unauthenticated")
        self.cause = cause
