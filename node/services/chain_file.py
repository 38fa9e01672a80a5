"""A center's whole chain of descriptors as a file: for a partner that is too far behind.

Nothing in it is secret and nobody need be called: a partner takes it only if it goes on from the
descriptor that was pinned, signed by the root that was pinned.
"""

from collections.abc import Sequence
from typing import Final

from federation.trust.keys import Descriptor
from federation.trust.suite import enc
from node.domain.workday import local_time
from node.services import armour
from node.services.armour import Paper
from node.services.errors import Invalid

LENGTH_BYTES: Final = 4


def write(chain: Sequence[bytes], newest: Descriptor) -> str:
    """The file's text.

    Args:
        chain: All signed descriptors, oldest first.
        newest: The last of them.
    """
    head = (
        f"{newest.name} 的名片(公钥、地址),第 1 至 {newest.sequence} 份",
        f"Descriptors 1 to {newest.sequence} (public keys, address) of {newest.center_id}",
        f"签发于 made at: {local_time(newest.made_at_ms)} +08:00",
        "伙伴中心执行 · partners run: lianping peer accept FILE",
        "其中没有任何秘密 · nothing in it is secret",
    )
    return armour.wrap(Paper.DESCRIPTORS, head, enc(*chain))


def read(text: str) -> tuple[bytes, ...]:
    """The signed descriptors of a file, oldest first; not yet checked.

    Raises:
        Invalid: It is no such file, or is damaged.
    """
    paper, content = armour.unwrap(text)
    chain = []
    while content and paper is Paper.DESCRIPTORS:
        length = int.from_bytes(content[:LENGTH_BYTES])
        one, content = (
            content[LENGTH_BYTES : LENGTH_BYTES + length],
            content[LENGTH_BYTES:][length:],
        )
        if len(one) != length or not one:
            break
        chain.append(one)
    if content or not chain:
        raise Invalid(
            "这不是名片文件,或已损坏,请对方重新执行 lianping keys export",
            "this is no file of descriptors, or is damaged; ask for `lianping keys export` again",
        )
    return tuple(chain)
