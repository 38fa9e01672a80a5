"""Invitations and replies: what joins two centers, and everything that must not."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.engine.pauses import Pauses
from federation.trust.envelope import pae
from federation.trust.keys import Purpose
from federation.trust.suite import SUITES
from federation.wire.joining import (
    INVITATION,
    Invitation,
    SignedPaper,
    acceptance_type,
    decode_signed,
    encode_signed,
    in_chinese,
    invitation_type,
    normal,
)
from federation.wire.rules import MAX_CARRIED_DESCRIPTORS
from node.services import armour
from node.services.armour import MAX_FILE_CHARS, Paper
from node.services.errors import Conflicting, Invalid, NotFound, UseCaseError
from node.services.joining import DAY_MS, MAX_DAYS, MAX_OPEN, Joined, Joining, Made
from node.services.joining_rules import MAX_CARRIED_BYTES, carried
from node.services.peers import Peers
from tests.support.identities import follow, signed
from tests.support.pair import Center, TwoCenters, two_centers

T = TypeVar("T")


@dataclass
class Side:
    """One center and its use cases."""

    center: Center
    joining: Joining

    async def invites(self, days: int = 7, to: str = "长乐中心") -> Made:
        return await self.center.do(lambda desk: self.joining.invite(desk, to, days, "wang"))

    async def accepts(self, text: str, fingerprint: str) -> Joined:
        return await self.center.do(
            lambda desk: self.joining.accept(desk, text, fingerprint, "wang")
        )

    async def hears(self, text: str) -> str:
        """The fingerprint that the file's maker must read aloud."""
        return (await self.center.do(lambda desk: self.joining.read(desk, text))).theirs

    async def takes(self, text: str) -> Joined:
        return await self.accepts(text, await self.hears(text))

    async def refuses(self, text: str) -> UseCaseError:
        """Every way of taking the file in is refused alike, and stores nothing."""
        before = await self.stored()
        with pytest.raises(UseCaseError) as reading:
            await self.hears(text)
        with pytest.raises(UseCaseError) as accepting:
            await self.accepts(text, "0000 0000 0000 0000 0000")
        assert str(reading.value) == str(accepting.value)
        assert await self.stored() == before
        return reading.value

    async def stored(self) -> list[object]:
        return [
            await self.center.sql(f"SELECT * FROM {table}")
            for table in ("peer", "peer_acceptance", "peer_invitation")
        ]


def side(center: Center) -> Side:
    peers = Peers(center.keyring, Pauses())
    return Side(center, Joining(peers=peers, cipher=center.cipher, random=center.random.bytes))


@asynccontextmanager
async def two_sides() -> AsyncIterator[tuple[Side, Side, TwoCenters]]:
    async with two_centers() as pair:
        yield side(pair.host), side(pair.sub), pair


def opened(text: str) -> tuple[SignedPaper, Invitation]:
    found = decode_signed(armour.unwrap(text)[1])
    return found, INVITATION.decode(found.paper)


def signed_by(center: Center, invitation: Invitation) -> str:
    """An invitation with other contents, properly signed by a center."""
    paper = INVITATION.encode(invitation)
    suite = center.suite
    key = center.identity.descriptor.keys_for(Purpose.MESSAGE, suite.suite_id)[0]
    signature = center.signer(pae(invitation_type(suite.suite_id), paper))
    return invitation_file(SignedPaper(paper, suite, key.id, signature))


def invitation_file(signed: SignedPaper) -> str:
    return armour.wrap(Paper.INVITATION, ["x"], encode_signed(signed))


async def test_two_files_and_one_call_join_two_centers() -> None:
    async with two_sides() as (host, sub, _):
        made = await host.invites()
        reading = await sub.center.do(lambda desk: sub.joining.read(desk, made.text))
        # One call: the host reads its fingerprint, the sub reads its own.
        assert reading.theirs == made.fingerprint
        assert reading.them == host.center.identity.descriptor
        joined = await sub.accepts(made.text, made.fingerprint)
        answer = await host.center.do(lambda desk: host.joining.read(desk, joined.reply))
        assert (answer.paper, answer.theirs, answer.ours) == (
            Paper.REPLY, reading.ours, reading.theirs,
        )  # fmt: skip
        done = await host.accepts(joined.reply, reading.ours)
        assert (done.peer, done.reply) == (sub.center.id, "")
        assert await host.center.sql("SELECT center FROM peer") == [(sub.center.id,)]
        assert await sub.center.sql("SELECT center FROM peer") == [(host.center.id,)]
        # Both can look at the same pair later.
        here = await host.center.do(lambda desk: Joining.how(desk, sub.center.id))
        there = await sub.center.do(lambda desk: Joining.how(desk, host.center.id))
        assert here is not None
        assert there is not None
        assert (here.ours, here.theirs) == (there.theirs, there.ours)
        assert there.reply == joined.reply


async def test_the_files_are_small_and_say_to_people_what_they_are() -> None:
    async with two_sides() as (host, sub, _):
        made = await host.invites()
        reply = (await sub.takes(made.text)).reply
        for text, own in ((made.text, host), (reply, sub)):
            assert len(text.encode()) < 6_000
            assert own.center.identity.descriptor.name in text
            assert "lianping peer accept" in text
            assert "2026-05-13 12:00 (UTC+8)" in text


async def test_the_secret_is_in_the_file_and_nowhere_else() -> None:
    async with two_sides() as (host, _, _):
        made = await host.invites()
        secret = opened(made.text)[1].secret
        for row in await host.center.sql("SELECT * FROM peer_invitation"):
            assert secret not in [value for value in row if isinstance(value, bytes)]
        assert len(secret) == 32


async def test_a_fingerprint_that_differs_stores_nothing() -> None:
    async with two_sides() as (host, sub, _):
        made = await host.invites()
        before = await sub.stored()
        wrong = made.fingerprint[:-1] + str((int(made.fingerprint[-1]) + 1) % 10)
        for typed in (wrong, "", "yes", made.fingerprint[:-1], made.fingerprint + "0"):
            with pytest.raises(Conflicting, match="swapped"):
                await sub.accepts(made.text, typed)
        assert await sub.stored() == before
        blanks = made.fingerprint.replace(" ", "-")
        assert (await sub.accepts(made.text, blanks)).peer == host.center.id


async def test_whoever_swaps_the_invitation_or_the_reply_has_another_fingerprint() -> None:
    async with two_sides() as (host, sub, _):
        made = await host.invites()
        # Another invitation of the same center is another fingerprint, and so is another
        # center's with the same contents.
        again = await host.invites()
        assert again.fingerprint != made.fingerprint
        swapped = signed_by(
            sub.center,
            replace(
                opened(made.text)[1],
                invitation_id=bytes(16),
                descriptors=(sub.center.identity.signed_descriptor,),
            ),
        )
        async with two_centers(seed="2") as elsewhere:
            third = side(elsewhere.host)
            assert await third.hears(swapped) != await third.hears(made.text)


async def test_reading_twice_gives_the_same_pair_and_the_reply_is_kept() -> None:
    async with two_sides() as (host, sub, _):
        made = await host.invites()
        first = await sub.center.do(lambda desk: sub.joining.read(desk, made.text))
        second = await sub.center.do(lambda desk: sub.joining.read(desk, made.text))
        assert first == second
        joined = await sub.accepts(made.text, first.theirs)
        assert joined.ours == first.ours


# Bad input


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("BEGIN LIANPING", "BEGIN"),
        lambda _: "",
        lambda _: "PK\x03\x04" + "\0" * 100,
        lambda text: text.replace("INVITATION", "REPLY"),
        lambda text: text.replace("=", "").replace("A", "B", 40),
    ],
)
async def test_a_corrupt_file_is_refused(spoil: object) -> None:
    async with two_sides() as (host, sub, _):
        made = await host.invites()
        text = spoil(made.text)  # type: ignore[operator]
        error = await sub.refuses(text)
        assert isinstance(error, Invalid)
        assert "ask for it again" in error.en or "upgrade" in error.en


@given(st.data())
async def test_no_changed_byte_gets_through(data: st.DataObject) -> None:
    async with two_sides() as (host, sub, _):
        made = await host.invites()
        content = bytearray(armour.unwrap(made.text)[1])
        # Not by its index: SM2's signatures differ in length from run to run.
        at = int(data.draw(st.floats(0, 1, exclude_max=True)) * len(content))
        content[at] ^= data.draw(st.integers(1, 255))
        error = await sub.refuses(armour.wrap(Paper.INVITATION, ["x"], bytes(content)))
        assert isinstance(error, (Invalid, Conflicting))


async def test_mail_may_change_line_ends_and_add_its_own_lines() -> None:
    async with two_sides() as (host, sub, _):
        made = await host.invites()
        mailed = "﻿您好:\r\n\r\n" + made.text.replace("\n", " \r\n") + "\r\n-- \r\n此致"
        assert await sub.hears(mailed) == made.fingerprint


async def test_a_file_that_is_too_large_is_refused() -> None:
    async with two_sides() as (_, sub, _):
        error = await sub.refuses("A" * (MAX_FILE_CHARS + 1))
        assert str(MAX_FILE_CHARS) in error.zh


async def test_an_expired_invitation_is_refused_on_both_sides() -> None:
    async with two_sides() as (host, sub, pair):
        made = await host.invites(days=1)
        late = await host.invites(days=1)
        reply = (await sub.takes(made.text)).reply
        pair.watch.pass_ms(DAY_MS)
        assert "expired" in (await sub.refuses(late.text)).en
        assert "expired" in (await host.refuses(reply)).en


async def test_an_invitation_from_the_future_names_the_clocks() -> None:
    async with two_sides() as (host, sub, pair):
        pair.host.clock.skew_ms = 10 * 60_000
        made = await host.invites()
        assert "clocks" in (await sub.refuses(made.text)).en


async def test_our_own_invitation_and_our_own_reply_are_refused_by_name() -> None:
    async with two_sides() as (host, sub, _):
        made = await host.invites()
        assert "own" in (await host.refuses(made.text)).en
        reply = (await sub.takes(made.text)).reply
        assert "another node uses this center's identity" in (await sub.refuses(reply)).en


async def test_another_node_with_our_identity_is_named() -> None:
    async with two_sides() as (host, _, _):
        made = await host.invites()
        await host.center.database.transact(
            lambda conn: conn.execute("DELETE FROM peer_invitation")
        )
        assert "another node uses this center's identity" in (await host.refuses(made.text)).en


async def test_each_file_is_good_once() -> None:
    async with two_sides() as (host, sub, _):
        made = await host.invites()
        reply = (await sub.takes(made.text)).reply
        assert "--reply" in (await sub.refuses(made.text)).en
        await host.takes(reply)
        assert sub.center.id in (await host.refuses(reply)).en


async def test_a_withdrawn_invitation_is_answered_no_more() -> None:
    async with two_sides() as (host, sub, _):
        made = await host.invites()
        reply = (await sub.takes(made.text)).reply
        await host.center.do(lambda desk: host.joining.withdraw(desk, made.id, "li"))
        assert "withdrawn" in (await host.refuses(reply)).en
        with pytest.raises(Conflicting, match="withdrawn"):
            await host.center.do(lambda desk: host.joining.withdraw(desk, made.id, "li"))
        with pytest.raises(NotFound):
            await host.center.do(lambda desk: host.joining.withdraw(desk, bytes(16), "li"))


async def test_a_reply_without_the_invitations_secret_is_refused() -> None:
    async with two_sides() as (host, sub, _):
        made = await host.invites()
        await host.invites()
        reply = (await sub.takes(made.text)).reply
        forged = replace(decode_signed(armour.unwrap(reply)[1]), proof=bytes(32))
        text = armour.wrap(Paper.REPLY, ["x"], encode_signed(forged))
        assert "prove" in (await host.refuses(text)).en


async def test_a_reply_to_nothing_of_ours_is_refused() -> None:
    async with two_sides() as (host, sub, _), two_centers(seed="2") as elsewhere:
        reply = (await sub.takes((await host.invites()).text)).reply
        assert "does not answer" in (await side(elsewhere.host).refuses(reply)).en


async def test_keys_of_a_pinned_center_under_another_name_are_refused() -> None:
    async with two_sides() as (host, sub, _), two_centers(seed="2") as elsewhere:
        await sub.takes((await host.invites()).text)
        thief = elsewhere.host
        stolen = replace(
            thief.identity.descriptor,
            tls_certificates=host.center.identity.descriptor.tls_certificates,
        )
        chain = (signed(stolen, thief.secrets),)
        invitation = opened((await side(elsewhere.host).invites()).text)[1]
        text = signed_by(elsewhere.host, replace(invitation, descriptors=chain))
        assert f"those of {host.center.id}" in (await sub.refuses(text)).en


async def test_a_paper_of_another_protocol_says_whose_node_is_older() -> None:
    async with two_sides() as (host, sub, _):
        invitation = opened((await host.invites()).text)[1]
        text = signed_by(host.center, replace(invitation, protocol=99))
        assert "protocol 99" in (await sub.refuses(text)).en


async def test_a_signature_of_another_key_or_another_kind_of_paper_is_refused() -> None:
    async with two_sides() as (host, sub, _):
        made = await host.invites()
        good, invitation = opened(made.text)
        by_another = signed_by(sub.center, invitation)
        other = host.center.signer(pae(acceptance_type("intl-1"), good.paper))
        as_a_reply = replace(good, signature=other)
        for text in (
            by_another,
            invitation_file(as_a_reply),
        ):
            assert "signature does not fit" in (await sub.refuses(text)).en


async def test_a_chain_that_is_broken_is_refused() -> None:
    async with two_sides() as (host, sub, _):
        invitation = opened((await host.invites()).text)[1]
        descriptor = host.center.identity.signed_descriptor
        for chain in (
            (descriptor, descriptor),
            (sub.center.identity.signed_descriptor, descriptor),
            (descriptor[:-1],),
        ):
            text = signed_by(host.center, replace(invitation, descriptors=chain))
            assert "not a valid descriptor" in (await sub.refuses(text)).en


async def test_a_center_that_is_pinned_joins_again_with_newer_keys_but_not_with_other_ones() -> (
    None
):
    async with two_sides() as (host, sub, _):
        await sub.takes((await host.invites()).text)
        invitation = replace(opened((await host.invites()).text)[1], invitation_id=bytes(16))
        center = host.center
        known = center.identity.descriptor
        twin = signed(replace(known, address="elsewhere.example.cn:7443"), center.secrets)
        newer = signed(follow(known, address="moved.example.cn:7443"), center.secrets)
        other_line = signed(
            replace(follow(known, address="x.example.cn:7443"), previous=bytes(32)), center.secrets
        )
        for chain in ((twin,), (other_line,)):
            text = signed_by(center, replace(invitation, descriptors=chain))
            assert "two nodes may be using one identity" in (await sub.refuses(text)).en
        longer = (*center.identity.chain, newer)
        await sub.takes(signed_by(center, replace(invitation, descriptors=longer)))
        assert await sub.center.sql("SELECT sequence FROM peer") == [(2,)]


def grow_old(center: Center) -> list[bytes]:
    """Let a center have published more descriptors than a paper carries; answers them all."""
    identity, newest = center.identity, center.identity.descriptor
    chain = list(identity.chain)
    for number in range(MAX_CARRIED_DESCRIPTORS + 2):
        newest = follow(newest, made_at_ms=number)
        chain.append(signed(newest, center.secrets))
    identity.renew(chain, newest, {each: identity.face(each) for each in identity.suites})
    return chain


async def test_a_center_of_long_life_joins_like_any_other() -> None:
    async with two_sides() as (host, sub, _):
        chain = grow_old(host.center)
        made = await host.invites()
        assert opened(made.text)[1].descriptors == tuple(chain[-MAX_CARRIED_DESCRIPTORS:])
        await sub.takes(made.text)
        assert await sub.center.sql("SELECT sequence FROM peer") == [(len(chain),)]


async def test_descriptors_that_begin_after_the_pinned_one_may_be_another_line() -> None:
    async with two_sides() as (host, sub, _):
        await sub.takes((await host.invites()).text)
        grow_old(host.center)
        refused = await sub.refuses((await host.invites()).text)
        assert "lianping keys export" in refused.en


def test_what_a_paper_carries_stays_within_a_file() -> None:
    large = [bytes([number]) * (MAX_CARRIED_BYTES // 3) for number in range(5)]
    assert carried(large) == tuple(large[-3:])
    assert carried([bytes(MAX_CARRIED_BYTES + 1)]) != (), "never none"


async def test_centers_without_a_suite_in_common_do_not_join() -> None:
    async with two_sides() as (_, sub, _):
        ours = sub.center.suite.suite_id
        (theirs,) = set(SUITES) - {ours}
        async with two_centers(seed="2", suites=(theirs,)) as elsewhere:
            error = await sub.refuses((await side(elsewhere.host).invites()).text)
            assert f"theirs {theirs}, ours {ours}" in error.en


async def test_centers_of_the_chinese_suite_join_alike() -> None:
    async with two_centers(suites=("gm-1",)) as pair:
        host, sub = side(pair.host), side(pair.sub)
        reply = (await sub.takes((await host.invites()).text)).reply
        assert (await host.takes(reply)).peer == sub.center.id


async def test_days_and_open_invitations_are_limited() -> None:
    async with two_sides() as (host, _, _):
        for days in (0, -1, MAX_DAYS + 1):
            with pytest.raises(Invalid, match=str(MAX_DAYS)):
                await host.invites(days)
        for name in ("x" * 256, "a\nb"):
            with pytest.raises(Invalid, match="one line"):
                await host.invites(to=name)
        for _ in range(MAX_OPEN):
            await host.invites()
        with pytest.raises(Conflicting, match="withdraw"):
            await host.invites()


def test_digits_are_the_same_in_every_spelling() -> None:
    assert normal(" 48210937-5512.7740 1863\n") == "4821 0937 5512 7740 1863"
    assert in_chinese("4821 0937") == "四八二一 〇九三七"


def test_the_base64_is_what_the_file_carries() -> None:
    text = armour.wrap(Paper.REPLY, ["一", "-----END LIANPING REPLY-----", ""], b"\0" * 100)
    assert base64.b64encode(b"\0" * 100).decode()[:64] in text
    assert armour.unwrap(text) == (Paper.REPLY, b"\0" * 100)
