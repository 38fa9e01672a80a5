"""Officers (监管人员) of a regulator, as others see them, and the rule of two.

A list was sold by one who could open it alone (``domain.md`` §3, 1), so whatever opens or allows
something takes two officers: one proposes, another one confirms. Words name them by pseudonyms
that only this regulator can resolve: a center must be able to tell that two people stood by an
act, and which acts one of them stood by, and has no need to know who it is.
"""

from typing import Final

from federation.trust.suite import Digests
from node.services.errors import Invalid, NotAllowed
from node.store.cipher import ColumnCipher

_PLACE: Final = "oversight_request.officer"  # what the key of the pseudonyms is derived for


class SamePerson(NotAllowed):
    """The second one is the first one."""

    code = "SAME_PERSON"


class Officers:
    """Pseudonyms of the officers.

    Args:
        cipher: Has the key of this database, from which the key of the pseudonyms comes: a
            restored node gives everybody the pseudonym of before.
    """

    def __init__(self, cipher: ColumnCipher) -> None:
        self._key = cipher.blind(_PLACE, "")

    def pseudonym(self, digests: Digests, account: str) -> bytes:
        """TM(our own key, "officer", account); 32 bytes."""
        return digests.mac(self._key, "officer", account.encode())

    def two(self, digests: Digests, first: str | None, second: str) -> tuple[bytes, bytes]:
        """Who proposed and who confirms, as a word names them.

        Raises:
            SamePerson: They are one.
        """
        assert first is not None, "only what was proposed is confirmed"
        if first == second:
            raise SamePerson(
                "须由另一名监管人员确认,提出人不能确认本人的意见",
                "another officer has to confirm: nobody confirms what he proposed himself",
            )
        return self.pseudonym(digests, first), self.pseudonym(digests, second)


def check_grounds(text: str) -> None:
    """Whoever asks for or decides something says why. Raises Invalid."""
    if not text.strip():
        raise Invalid("请写明理由", "say why: grounds are needed")
