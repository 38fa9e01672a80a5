"""Signing the papers of a joining with our message key, and checking who signed theirs.

A paper carries its maker's own descriptors, so its signature only proves that the maker has
the keys which those name. Whose they are is settled on the telephone.
"""

from collections.abc import Callable, Sequence

from federation.trust.envelope import pae
from federation.trust.keys import Descriptor, Purpose
from federation.trust.suite import SuiteUnavailable
from federation.wire.joining import SignedPaper
from node.services.errors import Invalid
from node.services.house import Desk
from node.services.peers import newest


def sign(
    desk: Desk, kind: Callable[[str], str], paper: bytes, suite_id: str, proof: bytes = b""
) -> SignedPaper:
    """Sign a paper with our newest message key of a suite. Raises NoKey."""
    face = desk.identity.face(suite_id)
    key = face.signing(Purpose.MESSAGE, desk.now_ms)
    return SignedPaper(paper, face.suite, key.id, key.sign(pae(kind(suite_id), paper)), proof)


def made_by(
    signed: SignedPaper, kind: Callable[[str], str], chain: Sequence[bytes], now_ms: int
) -> Descriptor:
    """Whoever made a paper, by the descriptors in it.

    Args:
        signed: The paper.
        kind: Its payload type, by suite.
        chain: The descriptors in it, oldest first.
        now_ms: The key must be valid now.

    Raises:
        Invalid: The descriptors do not hold, or no message key of them signed it.
    """
    them = newest(chain)
    suite_id = signed.suite.suite_id
    try:
        for key in them.keys_for(Purpose.MESSAGE, suite_id):
            if (
                key.id == signed.key_id
                and key.valid_at(now_ms)
                and signed.is_by(kind(suite_id), key.key)
            ):
                return them
    except SuiteUnavailable as error:
        raise Invalid(
            f"本机缺少密码套件{suite_id},无法查验该文件",
            f"this machine lacks the suite {suite_id} and cannot check the file: {error}",
        ) from error
    raise Invalid(
        "文件的签名与其中的名片不符:文件已损坏或被改动,请向对方重新索取",
        "the signature does not fit the descriptor in the file: it is damaged or was changed; "
        "ask for it again",
    )
