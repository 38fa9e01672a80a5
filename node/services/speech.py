"""Words that carry what a person typed, looked at before they are said.

Whoever hears a word with a line break in its reason, or one that is too long, refuses it and
keeps nothing of it: by then this center would have changed its own state.
"""

from typing import TypeVar

from federation.protocol.conversation import Word
from federation.wire.words import PAYLOAD_TYPES, decode_word, encode_word
from node.services.errors import Invalid

W = TypeVar("W", bound=Word)


def well_formed(word: W) -> W:
    """The word, if a peer would be able to read it.

    Raises:
        Invalid: Empty, too long, or with line breaks or other control characters.
    """
    try:
        decode_word(PAYLOAD_TYPES[type(word)], encode_word(word))
    except Exception as error:  # the codec's complaints are a federation's and a library's
        raise Invalid(f"填写的内容不符合要求:{error}", f"not well-formed: {error}") from error
    return word
