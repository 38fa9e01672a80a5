"""What a use case tells a person who may not, or cannot, do what he asked.

A ``UseCaseError`` is two sentences, Chinese and English, and a code for programs. The family
decides the answer at the API (404, 403, 422, 409); anything else that a use case raises is a
fault of ours and nobody is told more than that. What is said to *peers* is another matter:
see ``federation.errors``.
"""

from collections.abc import Sequence
from typing import ClassVar


class UseCaseError(Exception):
    """Base of every error that a person may read.

    Args:
        zh: One sentence in Chinese: what was wrong, where, and what to do.
        en: The same in English.
        detail: Further lines for the same person, e.g. every bad row of a table.
    """

    code: ClassVar[str] = "FAILED"

    def __init__(self, zh: str, en: str, *, detail: Sequence[str] = ()) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en
        self.detail = tuple(detail)


class NotFound(UseCaseError):
    """There is no such thing, or not for this person."""

    code = "NOT_FOUND"


class NotAllowed(UseCaseError):
    """The person's role, or a rule of law or agreement, forbids it; asking again is no use."""

    code = "NOT_ALLOWED"


class Invalid(UseCaseError):
    """What was asked for is not well-formed, or contradicts itself."""

    code = "INVALID"


class Conflicting(UseCaseError):
    """It does not fit how things stand now: look again, then decide."""

    code = "CONFLICT"
