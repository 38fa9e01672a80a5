"""Joint tests between two centers of ``pair``: a line that shows what a test wants it to show."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from typing_extensions import override

from federation.transport.certificates import Validity
from federation.transport.line import Seen
from node.services.agreements import Agreements
from node.services.joint_checks import JointChecks, Look, SelfTest
from node.services.joint_signing import ReportSigners
from node.services.joint_tests import JointTests
from node.services.rehearsal_calendar import RehearsalCalendar
from node.services.venues import Venues
from tests.support.pair import DAY_MS, NOON, Center

LASTING = Validity(NOON - DAY_MS, NOON + 365 * DAY_MS)


@dataclass
class SeenLine(Look):
    """Shows the certificate that belongs to an address, unless ``seen`` says otherwise."""

    seen: Seen = field(
        default_factory=lambda: Seen(addresses=("192.0.2.1",), connected_ms=2, shaken_ms=5)
    )
    shown: bytes | None = None
    validities: dict[bytes, Validity] = field(default_factory=dict)

    @override
    async def look(self, address: str, server_name: str) -> Seen:
        if self.seen.failed_at:
            return self.seen
        name = address.partition(".")[0]
        return replace(self.seen, certificate=self.shown or f"certificate of {name}".encode())

    @override
    def validity(self, certificate: bytes) -> Validity | None:
        return self.validities.get(certificate, LASTING)


def joint_tests(
    center: Center,
    agreements: Agreements,
    *,
    line: Look | None = None,
    self_tests: Sequence[tuple[str, SelfTest]] = (),
) -> JointTests:
    """A center's joint tests over the pair's wire."""
    return JointTests(
        agreements=agreements,
        checks=JointChecks(
            identity=center.identity,
            keyring=center.keyring,
            greet=center.greet,
            line=line or SeenLine(),
            clock=center.clock,
            random=center.random.bytes,
            self_tests=self_tests,
        ),
        calendar=RehearsalCalendar(Venues()),
        fits=ReportSigners(center.keyring).fits,
    )
