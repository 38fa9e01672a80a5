"""A pair of nodes with their agreement services, for the tests of agreements."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from federation.ids import AgreementId
from federation.protocol.agreement import DocumentSignature
from federation.protocol.conversation import Kind
from node.services.agreements import Agreements
from node.services.errors import NotFound
from node.store import todos
from tests.support.pair import Center, Furniture, TwoCenters, two_centers


def signature_by(center: Center, document: bytes) -> DocumentSignature:
    """What a center puts under a document."""
    return center.under(document)


class Office:
    """A pair of nodes with their agreement services."""

    def __init__(self, pair: TwoCenters, services: dict[str, Agreements]) -> None:
        self.pair = pair
        self.host = services["host"]
        self.sub = services["sub"]

    async def propose(self, **changes: Any) -> AgreementId:
        terms = self.pair.terms(**changes)
        made = await self.pair.host.do(
            lambda desk: self.host.propose(desk, self.pair.sub.id, terms, "wang")
        )
        await self.pair.settle()
        return AgreementId(made)

    async def sign(self, agreement: bytes) -> None:
        await self.pair.sub.do(lambda desk: self.sub.sign(desk, agreement, "chen"))

    async def agreed(self, **changes: Any) -> AgreementId:
        agreement = await self.propose(**changes)
        await self.sign(agreement)
        await self.pair.settle()
        return agreement

    async def amend(self, agreement: bytes, **changes: Any) -> AgreementId:
        terms = self.pair.terms(**changes)
        made = await self.pair.host.do(lambda desk: self.host.amend(desk, agreement, terms, "wang"))
        await self.pair.settle()
        return AgreementId(made)

    async def amended(self, agreement: bytes, **changes: Any) -> AgreementId:
        newer = await self.amend(agreement, **changes)
        await self.sign(newer)
        await self.pair.settle()
        return newer

    async def counter(
        self, center: Center, agreement: bytes, by: str = "chen", **changes: Any
    ) -> AgreementId:
        terms = self.pair.terms(**changes)
        service = self.host if center is self.pair.host else self.sub
        made = await center.do(lambda desk: service.counter(desk, agreement, terms, by))
        await self.pair.settle()
        return AgreementId(made)

    async def in_force(self) -> list[AgreementId]:
        """The agreement that counts, at the host and at the sub."""
        host, sub = self.pair.centers
        found = [
            await host.do(lambda desk: self.host.in_force(desk, sub.id)),
            await sub.do(lambda desk: self.sub.in_force(desk, host.id)),
        ]
        return [agreement for agreement, _ in found]

    async def nothing_in_force(self, match: str) -> None:
        """No new work may begin, at either side, and the reason is said."""
        host, sub = self.pair.centers
        with pytest.raises(NotFound, match=match):
            await host.do(lambda desk: self.host.in_force(desk, sub.id))
        with pytest.raises(NotFound, match=match):
            await sub.do(lambda desk: self.sub.in_force(desk, host.id))

    async def states(self, agreement: bytes) -> list[str]:
        return [
            (await self.pair.host.do(lambda desk: self.host.get(desk, agreement))).state,
            (await self.pair.sub.do(lambda desk: self.sub.get(desk, agreement))).state,
        ]

    async def todos(self, center: Center) -> list[str]:
        open_ones = await center.do(lambda desk: todos.open_for(desk.ledger.connection, "operator"))
        return [todo.kind for todo in open_ones]


@asynccontextmanager
async def negotiating(
    signers: int = 1, suites: Sequence[str] = (), sub_suites: Sequence[str] = ()
) -> AsyncIterator[Office]:
    """Two centers; each asks for so many persons under a document."""
    services: dict[str, Agreements] = {}

    def furnish(center: Center) -> Furniture:
        services[center.name] = Agreements(center.keyring, signers)
        return Furniture({Kind.AGREEMENT: services[center.name]})

    async with two_centers(furnish, suites=suites, sub_suites=sub_suites) as pair:
        yield Office(pair, services)
