"""Values from outside the two centers of a draw, as the owner of the pool shows them.

    commitments = pledged(read, opening.outside, commit.outside)
    values = given(digests, bound, read, pledges, reveal.outside)

The owner brings the contributors' own signed words, inside its ``Commit`` and its ``Reveal``:
it is blind at that moment, so that it gains nothing by leaving one out
(``draw-and-evidence.md`` §1.5, §1.8). Who reads the envelopes, and whether it verifies their
signatures or has done so before, is the caller's affair (``Read``).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from federation.errors import Malformed, Refused
from federation.lottery.ranking import VALUE_BYTES, commitment
from federation.protocol.contribution import Contribute, Pledge
from federation.protocol.conversation import Word
from federation.trust.suite import Digests

Read: TypeAlias = Callable[[bytes, str], Word]
"""Reads an envelope that must be of that center. Raises FederationError."""


def pledged(read: Read, outside: Sequence[str], shown: Sequence[bytes]) -> Mapping[str, bytes]:
    """What the contributors have committed to, in their order.

    Args:
        read: How an envelope is read.
        outside: ``Open.outside``.
        shown: ``Commit.outside`` of the owner.

    Raises:
        Malformed: Not one pledge of each, in that order; or what ``read`` raises.
    """
    if len(shown) != len(outside):
        raise Malformed(
            f"{len(shown)} pledges are shown, {len(outside)} contributors are named", clause="V6"
        )
    found = {}
    for center, raw in zip(outside, shown, strict=True):
        word = read(raw, center)
        if not isinstance(word, Pledge):
            raise Malformed(f"{word.case} of {center} is shown in place of Pledge", clause="V6")
        found[center] = word.commitment
    return found


def given(
    digests: Digests,
    bound: bytes,
    read: Read,
    pledges: Mapping[str, bytes],
    shown: Sequence[bytes],
) -> tuple[bytes | None, ...]:
    """The contributors' values in their order; None for one that stayed silent.

    Args:
        digests: Of the agreement's suite.
        bound: O.
        read: How an envelope is read.
        pledges: From ``pledged``.
        shown: ``Reveal.outside``; empty bytes for one that stayed silent.

    Raises:
        Malformed: Not one place for each, or a value that does not open its commitment.
    """
    if len(shown) != len(pledges):
        raise Malformed(
            f"{len(shown)} values are shown, {len(pledges)} contributors have pledged", clause="V7"
        )
    values: list[bytes | None] = []
    for (center, committed), raw in zip(pledges.items(), shown, strict=True):
        if not raw:
            values.append(None)
            continue
        word = read(raw, center)
        if not isinstance(word, Contribute):
            raise Malformed(f"{word.case} of {center} is shown in place of Contribute", clause="V7")
        if len(word.value) != VALUE_BYTES:
            raise Malformed(f"{center} contributed {len(word.value)} bytes", clause="V7")
        if commitment(digests, bound, center, word.value) != committed:
            raise Malformed(f"the value of {center} does not open its pledge", clause="V7")
        values.append(word.value)
    return tuple(values)


def require_enough(values: Sequence[bytes | None], least: int) -> None:
    """Are there as many outside values as the agreement demands?

    Args:
        values: From ``given``.
        least: ``AgreementTerms.min_outside_contributors``.

    Raises:
        Refused: There are fewer: the draw cannot go on.
    """
    came = sum(value is not None for value in values)
    if came < least:
        raise Refused(
            f"{came} outside values came, the agreement demands {least}",
            clause="min_outside_contributors",
        )
