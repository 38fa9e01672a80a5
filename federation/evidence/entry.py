"""One entry of a center's evidence log, byte for byte.

A leaf holds no personal data: which word, by its envelope's hash, to or from whom, of what
type, with which receipt, and when. Both who writes the log and who verifies it later make
the leaf from here.
"""

from typing import Final

OUT: Final = "out"
"""A word of the log's owner."""
IN: Final = "in"
"""A word that it heard."""
OUT_AGAIN: Final = "out-again"
"""A word of its own that it had lost, and that the hearer gave back with its receipt."""
IN_AGAIN: Final = "in-again"
"""A word that it had heard and lost, and that its speaker gave back with the receipt."""


def log_entry(
    direction: str, peer: str, kind: str, word: bytes, receipt: bytes, at_ms: int
) -> bytes:
    """The data of one leaf, as JSON without blanks and with sorted keys.

    Args:
        direction: ``OUT`` for a word of ours, ``IN`` for one that we heard; the other two for
            words that were given back after a backup was restored, with the time of then.
        peer: The other center's id.
        kind: The word's payload type, one of the vocabulary's.
        word: The envelope's hash, 32 bytes.
        receipt: The hash of the receipt that we gave, 32 bytes; empty for a word of ours.
        at_ms: When it was said or heard, unix milliseconds by the log's owner.
    """
    return (
        f'{{"at":{at_ms:d},"dir":"{direction}","peer":"{peer}","receipt":"{receipt.hex()}",'
        f'"type":"{kind}","v":1,"word":"{word.hex()}"}}'
    ).encode()


def descriptor_entry(center: str, sequence: int, digest: bytes, at_ms: int) -> bytes:
    """The data of the leaf that says when a center's descriptor was taken.

    What a key signed counts by its place before or after the descriptor that revokes the key.

    Args:
        center: Whose descriptor.
        sequence: Its number.
        digest: What the next one names it by, 32 bytes.
        at_ms: When it was taken, unix milliseconds by the log's owner.
    """
    return (
        f'{{"at":{at_ms:d},"descriptor":"{digest.hex()}","peer":"{center}",'
        f'"sequence":{sequence:d},"v":1}}'
    ).encode()


def act_entry(center: str, record: bytes, at_ms: int) -> bytes:
    """The data of the leaf that commits to something a center's own people did.

    It names no act and nobody: whoever is shown the record can tell that it is this one, and
    that it was in the log before any head that covers it was cosigned.

    Args:
        center: Whose people.
        record: The digest of what was done, 32 bytes; the record holds a secret value.
        at_ms: When, unix milliseconds by the log's owner.
    """
    return f'{{"act":"{record.hex()}","at":{at_ms:d},"center":"{center}","v":1}}'.encode()
