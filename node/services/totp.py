"""One-time codes of a log-in's second factor (RFC 6238), as phones' authenticators show them.

Here: arithmetic only. That a code counts once is the store's doing (``use_totp_step``), and
throttling is ``node.services.accounts``'. SHA-1, six digits and 30 seconds are what every
authenticator takes; HMAC-SHA-1 is not weakened by collisions of SHA-1.
"""

import base64
import hmac
import re
from collections.abc import Callable
from typing import Final

import pyotp

SECRET_BYTES: Final = 20  # RFC 4226 §4 R6 recommends 160 bits
DIGITS: Final = 6
STEP_MS: Final = 30_000
DRIFT_STEPS: Final = 1  # a phone's clock, and the seconds that typing takes: RFC 6238 §5.2
MAX_CODE_CHARS: Final = 16  # people copy "123 456"

_CODE: Final = re.compile(f"[0-9]{{{DIGITS}}}")


def new_secret(random: Callable[[int], bytes]) -> str:
    """A fresh secret in Base32, as people type it into an authenticator."""
    return base64.b32encode(random(SECRET_BYTES)).decode()


def address(secret: str, account: str, center: str) -> str:
    """The ``otpauth:`` address that an authenticator reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=center)


def secret_of(address: str) -> str | None:
    """The secret of an address that ``address`` made; None if it is no such address."""
    try:
        parsed = pyotp.parse_uri(address)
    except ValueError:
        return None
    return parsed.secret if isinstance(parsed, pyotp.TOTP) else None


def code_at(secret: str, now_ms: int) -> str:
    """The code that an authenticator shows."""
    return pyotp.HOTP(secret, digits=DIGITS).at(now_ms // STEP_MS)


def step_of(secret: str, code: str, now_ms: int) -> int | None:
    """The latest step, of those near ``now_ms``, whose code this is; None if of none."""
    digits = "".join(code.split())
    if not _CODE.fullmatch(digits):
        return None
    now = now_ms // STEP_MS
    fits = None
    for step in range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1):
        shown = code_at(secret, step * STEP_MS)
        if hmac.compare_digest(shown.encode(), digits.encode()):
            fits = step
    return fits
