"""What a joint test measures over real gRPC and TLS, when something is wrong with the peer."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

from typing_extensions import override

from federation.ports import Clock
from federation.protocol.booking import Check
from federation.transport.line import Line
from federation.transport.tls import new_key, self_signed
from node.services.joint_checks import JointChecks, Measured
from tests.support.grpc_pair import CLOCK, HOME, LONG_AGO, GrpcNode, two_nodes

TEN_MINUTES_MS = 600_000


class Ahead(Clock):
    """A clock that is ten minutes ahead."""

    @override
    def now_ms(self) -> int:
        return CLOCK.now_ms() + TEN_MINUTES_MS


async def measured(node: GrpcNode, peer: GrpcNode) -> Measured:
    """What a node finds of a peer; without adapters."""
    checks = JointChecks(
        identity=node.party.identity,
        keyring=node.keyring,
        greet=node.outbox.greet,
        line=Line(),
        clock=CLOCK,
        random=node.party.random.bytes,
        self_tests=(),
    )
    return await checks.measure(peer.center, HOME)


def by_name(found: Measured) -> Mapping[str, Check]:
    return {check.name: check for check in found.checks}


async def restart(node: GrpcNode, peer: GrpcNode) -> None:
    """A new server, as the node is now; the peer pins where it listens."""
    await node.server.stop(0)
    node.server = node.new_server()
    node.port = await node.server.start("127.0.0.1:0")
    peer.keyring.forget(node.center)
    peer.keyring.pin(node.descriptor)


async def test_a_sound_line_passes_every_check() -> None:
    async with two_nodes() as (left, right):
        found = await measured(left, right)
        assert found.reached
        # The port that a test's node gets is in no descriptor of its own.
        wrong = [check.name for check in found.checks if not check.passed]
        assert wrong == ["descriptor"]


async def test_a_clock_ten_minutes_off_is_found_with_its_distance() -> None:
    async with two_nodes() as (left, right):
        right.negotiator = replace(right.negotiator, clock=Ahead())
        await restart(right, left)
        found = await measured(left, right)
        clock = by_name(found)["clock_skew"]
        assert not clock.passed
        assert "+10 min" in clock.measured
        assert not found.reached
        assert by_name(found)["tls_pin"].passed


async def test_a_certificate_that_expired_yesterday_is_found_by_its_date() -> None:
    async with two_nodes() as (left, right):
        yesterday = dt.datetime.fromtimestamp(CLOCK.now_ms() / 1_000, dt.UTC) - dt.timedelta(1)
        expired = self_signed(right.center, new_key(), LONG_AGO, yesterday)
        right.shown = expired
        await restart(right, left)
        found = await measured(left, right)
        dates = by_name(found)["certificates"]
        assert not dates.passed
        assert "the peer's expired at" in dates.measured
        assert not found.reached
