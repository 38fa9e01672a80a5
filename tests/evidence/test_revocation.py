"""What a revoked key signed counts by the order of the partner's log, whatever time it claims."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from typing_extensions import override

from federation.errors import Unauthenticated
from federation.evidence.case import Refuted, Step
from federation.evidence.dossier import Dossier, Line, read, write
from federation.evidence.verify import verify
from federation.protocol.peering import StartTest
from federation.trust.envelope import Signer, sign_batch
from federation.trust.keys import Purpose
from federation.trust.suite import INTL_1
from federation.wire.envelopes import Witnessing, encode_delivery
from federation.wire.evidence import DECODE
from tests.evidence.evaluated import CHECKS, Evaluation, furnish
from tests.support.pair import two_centers
from tests.support.renewed import new_message_key, told


class Interrupted(Evaluation):
    """The host's message key is revoked between the draws and the evaluation."""

    thief: Signer

    @override
    async def convene(self) -> None:
        await self.pair.settle()
        await told(self.host, self.sub)
        self.thief = new_message_key(self.host, revoke=True)
        await told(self.host, self.sub)
        await super().convene()


@dataclass(frozen=True)
class Revoked:
    """A dossier of an evaluation that a revocation interrupted, and what forgers have."""

    file: bytes
    host: str
    sub: str
    revoked: bytes
    thief: Signer
    seal: Signer


@cache
def made(by: str) -> Revoked:
    async def run() -> Revoked:
        with TemporaryDirectory() as folder:
            async with two_centers(furnish, suites=("intl-1",)) as pair:
                old = pair.host.identity.descriptor.keys_for(Purpose.MESSAGE, "intl-1")[0].id
                played = Interrupted(pair)
                await played.play()
                maker = pair.host if by == "host" else pair.sub
                path = await played.dossiers(maker, Path(folder)).make(played.session)
                seal = maker.identity.face("intl-1").signing(Purpose.MESSAGE, pair.watch.now_ms)
                return Revoked(
                    path.read_bytes(), pair.host.id, pair.sub.id, old, played.thief, seal.sign
                )

    return asyncio.run(run())


def lines(dossier: Dossier) -> list[Line]:
    return [line for talk in dossier.conversations for line in talk.lines]


def changed(dossier: Dossier, change: Callable[[Line], Line]) -> Dossier:
    return replace(
        dossier,
        conversations=tuple(
            replace(talk, lines=tuple(change(line) for line in talk.lines))
            for talk in dossier.conversations
        ),
    )


def resigned(line: Line, key_id: bytes, signer: Signer) -> Line:
    envelope = line.envelope
    (again,) = sign_batch(INTL_1, [(envelope.payload_type, envelope.payload)], signer, key_id)
    return replace(line, envelope=again)


def refuted(dossier: Dossier, seal: Signer) -> Refuted:
    with pytest.raises(Refuted) as caught:
        verify(write(dossier, seal), DECODE)
    return caught.value


@pytest.mark.parametrize("by", ["host", "sub"])
def test_words_before_the_revocation_stay_valid(by: str) -> None:
    case = made(by)
    verdict = verify(case.file, DECODE)
    assert verdict.members == 5
    dossier = read(case.file)[0]
    used = {line.envelope.key_id for line in lines(dossier)}
    assert case.revoked in used
    assert len(used) == 3, "the sub's, the host's old and the host's new key"
    (place,) = (each.logged for each in dossier.descriptors[case.host] if each.logged)
    for line in lines(dossier):
        if line.envelope.key_id == case.revoked:
            assert line.logged[case.sub].index < place.index


@pytest.mark.parametrize("by", ["host", "sub"])
def test_a_word_that_the_partner_logged_after_the_revocation_is_refuted(by: str) -> None:
    case = made(by)
    dossier = read(case.file)[0]
    (place,) = (each.logged for each in dossier.descriptors[case.host] if each.logged)

    def back_dated(line: Line) -> Line:
        late = line.logged[case.sub].index > place.index
        ours = DECODE.statement(line.envelope.payload).sender == case.host
        return resigned(line, case.revoked, case.thief) if late and ours else line

    found = refuted(changed(dossier, back_dated), case.seal)
    assert found.step is Step.LOGS
    assert "revoked before" in found.en


def test_without_a_proven_place_of_the_revocation_nothing_under_the_key_counts() -> None:
    case = made("sub")
    dossier = read(case.file)[0]
    bare = tuple(replace(each, logged=None) for each in dossier.descriptors[case.host])
    found = refuted(
        replace(dossier, descriptors={**dossier.descriptors, case.host: bare}), case.seal
    )
    assert found.step is Step.LOGS
    assert "not proven" in found.en


def test_a_moved_revocation_is_refuted() -> None:
    case = made("sub")
    dossier = read(case.file)[0]
    moved = tuple(
        replace(each, logged=replace(each.logged, index=each.logged.index + 1))
        if each.logged
        else each
        for each in dossier.descriptors[case.host]
    )
    found = refuted(
        replace(dossier, descriptors={**dossier.descriptors, case.host: moved}), case.seal
    )
    assert found.step is Step.LOGS
    assert "not in the log" in found.en


def test_a_chain_with_a_gap_is_refuted() -> None:
    case = made("host")
    dossier = read(case.file)[0]
    chain = dossier.descriptors[case.host]
    assert len(chain) == 2
    backwards = {**dossier.descriptors, case.host: chain[::-1]}
    assert refuted(replace(dossier, descriptors=backwards), case.seal).step is Step.DESCRIPTORS


def test_a_revoked_key_seals_nothing() -> None:
    case = made("host")
    assert refuted(read(case.file)[0], case.thief).step is Step.SEAL


async def test_a_word_under_a_revoked_key_is_not_heard_whatever_time_it_claims() -> None:
    async with two_centers(suites=("intl-1",)) as pair:
        await told(pair.host, pair.sub)
        said = await pair.host.do(
            lambda desk: desk.open(pair.sub.id, None, StartTest(bytes(32), CHECKS))
        )
        thief = new_message_key(pair.host, revoke=True)
        old = pair.host.identity.descriptor.revoked[0].key_id
        await told(pair.host, pair.sub)
        forged = sign_batch(
            INTL_1, [("application/vnd.lianping.v1.peering.StartTest+protobuf", said.payload)],
            thief, old,
        )  # fmt: skip
        with pytest.raises(Unauthenticated) as caught:
            await pair.sub.negotiator.deliver(
                encode_delivery(forged, Witnessing()), pair.host.certificate
            )
        assert caught.value.cause == "revoked_key"
        assert await pair.sub.sql("SELECT count(*) FROM heard") == [(0,)]
        # The same word, signed anew by the outbox, arrives; and once only.
        for _ in range(2):
            await pair.settle()
        assert await pair.sub.sql("SELECT count(*), max(accepted) FROM heard") == [(1, 1)]
        assert await pair.host.sql("SELECT count(*) FROM said WHERE receipt IS NULL") == [(0,)]


async def test_a_word_heard_before_the_revocation_still_gets_its_stored_receipt() -> None:
    async with two_centers(suites=("intl-1",)) as pair:
        await told(pair.host, pair.sub)
        pair.wire.replies_lost = True
        await pair.host.do(lambda desk: desk.open(pair.sub.id, None, StartTest(bytes(32), CHECKS)))
        await pair.host.outbox.deliver(pair.sub.id)
        assert await pair.sub.sql("SELECT count(*) FROM heard") == [(1,)]
        pair.wire.replies_lost = False
        new_message_key(pair.host, revoke=True)
        await told(pair.host, pair.sub)
        pair.restore()
        await pair.settle()
        assert await pair.sub.sql("SELECT count(*) FROM heard") == [(1,)]
        assert await pair.host.sql("SELECT accepted FROM said") == [(1,)]
        order = await pair.sub.sql("SELECT data FROM log_entry ORDER BY idx")
        assert [b"descriptor" in data for (data,) in order] == [False, True]


async def test_a_word_that_was_verified_before_the_commit_of_the_revocation_is_not_heard() -> None:
    async with two_centers(suites=("intl-1",)) as pair:
        await told(pair.host, pair.sub)
        said = await pair.host.do(
            lambda desk: desk.open(pair.sub.id, None, StartTest(bytes(32), CHECKS))
        )
        kind = "application/vnd.lianping.v1.peering.StartTest+protobuf"
        (envelope,) = pair.host.sign([(kind, said.payload)])
        visitor = pair.sub.negotiator.doorkeeper.admit(
            envelope, pair.host.certificate, pair.watch.now_ms
        )
        new_message_key(pair.host, revoke=True)
        await told(pair.host, pair.sub)
        with pytest.raises(Unauthenticated):
            await pair.sub.do(lambda desk: desk.hear(visitor))
        assert await pair.sub.sql("SELECT count(*) FROM heard") == [(0,)]
