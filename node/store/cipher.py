"""Personal data at rest: sealed per column, found again by a blind index.

Here: AES-256-GCM (NIST SP 800-38D) over one text value, bound to its table, column and
row, and HMAC-SHA256 for look-ups by equality. Not here: where the key is kept, and which
columns are personal data.

Sealed value: one version byte, a nonce of 12 bytes, the ciphertext, a tag of 16 bytes.
The associated data is version, column and row, so a value copied to another row or column
does not open. Both keys are derived from the data key by HKDF-SHA256 (RFC 5869), so that
a blind index reveals nothing that would help to open a value. What remains visible: the
length of a value, and which rows of a blind column are equal.
"""

import hmac
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from federation.trust.suite import enc

KEY_BYTES: Final = 32  # AES-256
NONCE_BYTES: Final = 12  # the only length GCM takes without hashing it first
TAG_BYTES: Final = 16  # GCM's full tag
VERSION: Final = b"\x01"  # AES-256-GCM with the keys below; another algorithm, another byte

_SEAL_INFO: Final = b"lianping/store/column/1/seal"
_BLIND_INFO: Final = b"lianping/store/column/1/blind"


class CannotDecrypt(Exception):
    """A sealed value does not open: another key, another place, or changed bytes."""


class ColumnCipher:
    """Seals and opens the values of personal-data columns.

    Args:
        key: The data key, ``KEY_BYTES`` long.
        nonce: Gives ``NONCE_BYTES`` fresh random bytes a call. Random nonces allow 2^32
            values under one key (SP 800-38D §8.3), far more than a center has rows.

    Raises:
        ValueError: The key has another length.
    """

    def __init__(self, key: bytes, nonce: Callable[[], bytes]) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the data key must have {KEY_BYTES} bytes, not {len(key)}")
        self._aead = AESGCM(_derive(key, _SEAL_INFO))
        self._blind_key = _derive(key, _BLIND_INFO)
        self._nonce = nonce

    def seal(self, table_column: str, row_id: str, plaintext: str) -> bytes:
        """Seal ``plaintext`` for one place.

        Args:
            table_column: ``expert.mobile_number``.
            row_id: The row's primary key as text; it must never change.
            plaintext: The value; may be empty.

        Raises:
            ValueError: The source of nonces gave another length.
        """
        nonce = self._nonce()
        if len(nonce) != NONCE_BYTES:
            raise ValueError(f"a nonce must have {NONCE_BYTES} bytes, not {len(nonce)}")
        sealed = self._aead.encrypt(nonce, plaintext.encode(), _place(table_column, row_id))
        return VERSION + nonce + sealed

    def open(self, table_column: str, row_id: str, sealed: bytes) -> str:
        """Open what ``seal`` made for the same place.

        Raises:
            CannotDecrypt: Another key, another place, or changed bytes.
        """
        where = f"{table_column} of row {row_id}"
        if sealed[:1] != VERSION:
            raise CannotDecrypt(
                f"{where} is not sealed in format {VERSION[0]} (its first byte is "
                f"{sealed[:1].hex() or 'missing'}): written by a newer version, or not sealed"
            )
        nonce, ciphertext = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        if len(ciphertext) < TAG_BYTES:
            raise CannotDecrypt(f"{where} is cut short ({len(sealed)} bytes): restore a backup")
        try:
            return self._aead.decrypt(nonce, ciphertext, _place(table_column, row_id)).decode()
        except InvalidTag:
            raise CannotDecrypt(
                f"{where} does not open: check that the node was given the data key of this "
                "database; if it was, the value was changed or moved outside the program"
            ) from None

    def blind(self, table_column: str, value: str) -> bytes:
        """Digest ``value`` (32 bytes) to find equal values of one column, and only of that.

        Callers normalise first: what differs in a space differs in every bit here.
        """
        return hmac.digest(self._blind_key, enc(table_column.encode(), value.encode()), "sha256")


def _derive(key: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(key)


def _place(table_column: str, row_id: str) -> bytes:
    return VERSION + enc(table_column.encode(), row_id.encode())
