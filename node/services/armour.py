"""How an invitation and its reply look as files: some lines for people, base64 for the node.

The lines for people are what they are for: who it is from, until when, what to do. The node
reads only what stands between the blank line and the end, so nothing above it can mislead it.
Short lines of plain characters pass through mail, chat and a printer.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from node.services.errors import Invalid

MAX_FILE_CHARS: Final = 512 * 1024  # 64 descriptors of 4 KiB; the usual file has 3 KiB
LINE_CHARS: Final = 64  # RFC 7468

_SHAPE: Final = re.compile(
    r"-----BEGIN LIANPING (?P<kind>INVITATION|REPLY|DESCRIPTORS)-----\n"
    r"(?P<head>(?:[^\n-][^\n]*\n)*)\n"
    r"(?P<body>(?:[A-Za-z0-9+/=]{1,64}\n)+)"
    r"-----END LIANPING (?P=kind)-----"
)


class Paper(StrEnum):
    """What a file is."""

    INVITATION = "INVITATION"
    REPLY = "REPLY"
    DESCRIPTORS = "DESCRIPTORS"


def wrap(kind: Paper, head: Sequence[str], content: bytes) -> str:
    """A file's text. Lines of ``head`` are shortened to one line each."""
    encoded = base64.b64encode(content).decode("ascii")
    body = [encoded[at : at + LINE_CHARS] for at in range(0, len(encoded), LINE_CHARS)]
    lines = [" ".join(line.split()).lstrip("-") for line in head]
    return "\n".join(
        (
            f"-----BEGIN LIANPING {kind}-----",
            *(line for line in lines if line),
            "",
            *body,
            f"-----END LIANPING {kind}-----",
            "",
        )
    )


def unwrap(text: str) -> tuple[Paper, bytes]:
    """What a file is, and what it carries.

    Line ends and blanks at the ends of lines, which mail changes, do not matter; neither does
    what stands around the block.

    Raises:
        Invalid: Too large, no such file, or damaged.
    """
    if len(text) > MAX_FILE_CHARS:
        raise Invalid(
            f"文件超过{MAX_FILE_CHARS}个字符,不是邀请文件",
            f"the file has more than {MAX_FILE_CHARS} characters: it is no invitation",
        )
    lines = "\n".join(line.strip() for line in text.replace("\ufeff", "").splitlines())
    found = _SHAPE.search(lines)
    if found is None:
        raise Invalid(
            "文件中没有完整的邀请或回执(BEGIN LIANPING … END LIANPING),请向对方重新索取",
            "the file holds no complete invitation or reply (BEGIN LIANPING … END LIANPING); "
            "ask for it again",
        )
    try:
        content = base64.b64decode(found["body"].replace("\n", ""), validate=True)
    except binascii.Error as error:
        raise Invalid(
            "邀请文件已损坏,请向对方重新索取", "the file is damaged; ask for it again"
        ) from error
    return Paper(found["kind"]), content
