"""The sealer's value in the regulator's safe (托管): so that its silence ends no draw.

The sealer alone knows the order until ``Close``; would it fall silent, nobody could draw on.
So its ``Commit`` carries the value sealed to the regulator that the agreement names, bound to
this one draw and to this sealer. Whether it is the value that was committed to shows only
when it is opened, and then to anybody: what is false is proof against the sealer.

Here: what is sealed, what it is bound to, and what counts as false. Not here: who may open it
(two officers, ``protocol.oversight``), and how a draw goes on from there (``protocol.draw``).
Source: ``draw-and-evidence.md`` §1.5 step 3, §1.8; ``proto/README.md`` §8 step 4.
"""

from federation.lottery.ranking import VALUE_BYTES, commitment
from federation.trust.secrets import Opener
from federation.trust.suite import CannotOpen, Digests, Suite, enc


class FalseEscrow(Exception):
    """What the sealer gave into escrow is not what it committed to."""


def escrow_info(digests: Digests, open_hash: bytes, center_id: str) -> bytes:
    """What an escrow is bound to: the suite, the purpose, this draw and whose value it is."""
    return digests.prefix("escrow") + enc(open_hash, center_id.encode())


def seal_escrow(
    suite: Suite, regulator_key: bytes, open_hash: bytes, center_id: str, value: bytes
) -> bytes:
    """Seal a sealer's value to the regulator.

    Args:
        suite: Of the draw's agreement.
        regulator_key: The regulator's raw sealing key of that suite.
        open_hash: O, from ``ranking.open_hash``.
        center_id: The sealer.
        value: What it commits to, 32 bytes.

    Raises:
        BadKey: It is no key of that suite.
    """
    return suite.seal(regulator_key, escrow_info(suite, open_hash, center_id), value)


def open_escrow(
    digests: Digests,
    opener: Opener,
    open_hash: bytes,
    center_id: str,
    committed: bytes,
    escrow: bytes,
) -> bytes:
    """The value in an escrow, 32 bytes.

    Args:
        digests: Of the suite of the draw's agreement.
        opener: The regulator's own keys.
        open_hash: O, from ``ranking.open_hash``.
        center_id: The sealer.
        committed: ``Commit.commitment`` of the sealer.
        escrow: ``Commit.escrow``.

    Raises:
        FalseEscrow: It does not open with our keys, or holds something else.
    """
    try:
        value = opener(escrow_info(digests, open_hash, center_id), escrow)
    except CannotOpen as error:
        raise FalseEscrow(
            "the escrow does not open with the regulator's keys for this draw and sealer"
        ) from error
    if len(value) != VALUE_BYTES:
        raise FalseEscrow(f"the escrow holds {len(value)} bytes and not {VALUE_BYTES}")
    if commitment(digests, open_hash, center_id, value) != committed:
        raise FalseEscrow("the value in the escrow is not the one that the sealer committed to")
    return value
