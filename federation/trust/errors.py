"""What can go wrong with a suite's keys and seals, apart from a plain bad signature.

They live below ``suite`` so that the modules that implement a suite can raise them.
"""


class CannotOpen(Exception):
    """A sealed message is not for this key, or was changed on the way."""


class BadKey(ValueError):
    """Bytes that are no key of this suite: wrong length, not on the curve, out of range."""


class UnknownSuite(ValueError):
    """A suite that this program does not know; nothing falls back to another."""


class SuiteUnavailable(RuntimeError):
    """A suite cannot be used on this machine; the text says what is missing and how to get it."""


class SignerAway(Exception):
    """What holds a private key of ours cannot be asked now; the text is for our operator.

    Nobody's word is at fault and nothing is lost: what was to be signed waits.
    """
