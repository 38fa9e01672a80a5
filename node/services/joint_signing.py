"""How the report of a joint test is signed: by message keys of the test's suite, over one text.

The one place where joint tests touch keys.
"""

from federation.engine.identity import Identity
from federation.ids import CenterId
from federation.trust.envelope import sign_alone, verify_alone
from federation.trust.keyring import Keyring
from federation.trust.keys import Purpose
from federation.trust.suite import Suite
from federation.wire.reports import report_type


def sign(identity: Identity, peer: CenterId, suite: Suite, document: bytes, now_ms: int) -> bytes:
    """Our signature over a report, with a key that the peer knows. Raises NoKey."""
    own = identity.key_for(peer, suite.suite_id, Purpose.MESSAGE, now_ms)
    return sign_alone(report_type(suite.suite_id), document, own.sign)


class ReportSigners:
    """Whose signature over a report is good.

    Args:
        keyring: The pinned peers.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def fits(
        self, peer: CenterId, suite: Suite, document: bytes, signature: bytes, now_ms: int
    ) -> bool:
        """Whether a message key of a pinned peer, valid now, signed a report."""
        descriptor = self._keyring.peers.get(peer)
        return descriptor is not None and any(
            key.valid_at(now_ms)
            and verify_alone(suite, report_type(suite.suite_id), document, key.key, signature)
            for key in descriptor.keys_for(Purpose.MESSAGE, suite.suite_id)
        )
