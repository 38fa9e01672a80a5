"""Joint dossiers: what only all parts together show, and what a lying host cannot hide in them."""

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from federation.evidence import joint
from federation.evidence import report as pages
from federation.evidence.case import Refuted, Step
from federation.evidence.joint import Extends, chain, check, is_joint, read, verify_joint, write
from federation.evidence.joint_verdict import JointVerdict
from federation.evidence.rules import RULES
from federation.evidence.shape import Misshapen
from federation.evidence.verify import verify
from federation.evidence.whole import look
from federation.protocol.draw import Response
from federation.protocol.session import Elect, Finish, Present, Start
from federation.trust.envelope import Signer
from federation.wire.evidence import DECODE
from node.services.dossier_page import render
from node.services.errors import Conflicting
from node.services.house import Desk
from node.store import archives, sessions
from tests.node.services.joint_stage import MEMBERS, REPORT, JointStage, Seat, staged

OTHER_REPORT = b"%PDF another report"


@dataclass(frozen=True)
class Made:
    """A joint dossier, the subs' own ones, and who may seal."""

    file: bytes
    of_subs: tuple[bytes, ...]
    host: Signer
    sub: Signer

    @property
    def parts(self) -> tuple[bytes, ...]:
        return read(self.file).parts

    @property
    def extends(self) -> tuple[Extends, ...]:
        return read(self.file).extends


async def _make(stage: JointStage, seed: str) -> Made:
    async with staged(stage, seed=seed):
        await stage.archived()
        parts = [await _parts(stage)]
        of_subs = [await stage.dossier(seat) for seat in stage.subs]
        host, sub = stage.host.center, stage.subs[0].center
        return Made(parts[0], tuple(of_subs), host.signer, sub.signer)


async def _parts(stage: JointStage) -> bytes:
    """The host's file, unchecked: a liar would not stop at its own check."""
    kept = joint.verify_joint
    joint.verify_joint = lambda *_: None  # type: ignore[assignment]
    try:
        return await stage.dossier(stage.host)
    finally:
        joint.verify_joint = kept


def _played(stage: type[JointStage], seed: str = "1") -> Made:
    with TemporaryDirectory() as folder:
        return asyncio.run(_make(stage(Path(folder)), seed))


@cache
def honest(seed: str = "1") -> Made:
    return _played(JointStage, seed)


def refused(file: bytes) -> Refuted:
    with pytest.raises(Refuted) as caught:
        check(file, DECODE)
    return caught.value


# The file


def test_every_part_holds_by_itself_and_all_hold_together() -> None:
    made = honest()

    assert is_joint(made.file)
    assert verify_joint(made.file, DECODE).document()["members"] == MEMBERS
    for part in made.parts:
        assert verify(part, DECODE).other_venues
    for file in made.of_subs:
        assert not is_joint(file)


def test_a_joint_dossier_is_one_page_with_a_chapter_for_each_part() -> None:
    file = honest().file
    whole = look(file, DECODE)
    assert isinstance(whole.verdict, JointVerdict)
    assert [check.rule for check in whole.verdict.checks] == list(RULES)
    page = render(whole, "joint.dossier", file)
    told = "".join(ET.fromstring(page.removeprefix("<!DOCTYPE html>\n")).itertext())
    for at, part in enumerate(whole.verdict.parts, start=1):
        assert f"第{at}分卷: {part.parties[1].name}" in told
    for chapter in pages.report(whole):
        for draw in chapter.draws:
            assert all(rank.handle in told for rank in draw.ranks)


def test_what_is_written_is_read_back() -> None:
    made = honest()

    assert write(made.parts, made.extends, made.host) == made.file or (
        verify_joint(write(made.parts, made.extends, made.host), DECODE).words
        == verify_joint(made.file, DECODE).words
    )


@given(st.data())
def test_one_changed_byte_is_found_wherever_it_is(data: st.DataObject) -> None:
    file = bytearray(honest().file)
    at = data.draw(st.integers(0, len(file) - 1))
    file[at] ^= data.draw(st.integers(1, 255))

    refused(bytes(file))


@given(st.integers(0, 10**6))
def test_a_file_that_ends_early_is_no_dossier(cut: int) -> None:
    file = honest().file
    refused(file[: cut % len(file)])


@pytest.mark.parametrize(
    ("cover", "named"),
    [
        (b"{}\n}\n", "not JSON"),
        (b'{"parts": [1, 1]\n}\n', "exactly the fields"),
        (b'{"parts": [1], "extends": []\n}\n', "two parts or more"),
        (b'{"parts": [1, 2], "extends": [], "parts": [1, 2]\n}\n', "not JSON"),
        (b'{"parts": [9, 9], "extends": []\n}\n', "sizes of the parts"),
        (b'{"parts": [1, -1], "extends": []\n}\n', "whole number"),
        (b"[]\n", "there is no cover"),
    ],
)
def test_a_cover_has_one_shape(cover: bytes, named: str) -> None:
    with pytest.raises(Misshapen, match=named):
        read(joint.HEADER.encode() + b"\n" + cover + b"seal AAAA\n")


def test_a_file_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joint, "MAX_JOINT_BYTES", 100)

    assert refused(honest().file).step is Step.FILE


# The parts


def _sealed(made: Made, parts: Sequence[bytes], extends: Sequence[Extends] | None = None) -> bytes:
    return write(parts, made.extends if extends is None else extends, made.host)


def test_a_part_that_is_left_out_is_missed() -> None:
    made = honest()
    first, _ = made.parts

    assert refused(_sealed(made, [first, first])).en == "parts are not distinct and sorted"


def test_a_part_of_another_evaluation_does_not_do() -> None:
    made, other = honest(), honest("2")

    assert refused(_sealed(made, [made.parts[0], other.parts[1]])).en == "has another host"


def test_a_sub_s_own_dossier_is_no_part() -> None:
    made = honest()

    error = refused(_sealed(made, [made.parts[0], made.of_subs[1]]))
    assert (error.step, error.en) == (Step.JOINT, "was not made by the host")


def test_parts_stand_in_one_order() -> None:
    made = honest()

    error = refused(_sealed(made, made.parts[::-1]))
    assert error.en == "parts are not distinct and sorted"


def test_a_part_that_does_not_hold_is_named() -> None:
    made = honest()
    spoilt = bytearray(made.parts[1])
    spoilt[len(spoilt) // 2] ^= 1

    assert refused(_sealed(made, [made.parts[0], bytes(spoilt)])).where.startswith("part 2, ")


def test_only_the_host_seals() -> None:
    made = honest()

    error = refused(write(made.parts, made.extends, made.sub))
    assert error.step is Step.SEAL


# One log for all


def test_the_host_s_heads_must_be_linked() -> None:
    made = honest()

    assert refused(_sealed(made, made.parts, ())).where == "cover"
    turned = [replace(each, older=each.newer, newer=each.older) for each in made.extends]
    assert refused(_sealed(made, made.parts, turned)).where == "cover"


def test_a_link_that_proves_nothing_is_a_forked_log() -> None:
    made = honest()
    forged = [replace(each, path=(*each.path, bytes(32))) for each in made.extends]

    assert "not the one that it showed" in refused(_sealed(made, made.parts, forged)).en


def test_the_heads_of_one_suite_make_one_chain() -> None:
    heads = [("intl-1", 9), ("gm-1", 5), ("intl-1", 7), ("intl-1", 9), ("gm-1", 2)]

    assert chain(heads) == [(4, 1), (2, 0), (0, 3)]
    assert chain([("intl-1", 1), ("gm-1", 1)]) == []


# What a host may try with subs that do not know each other's words


class Lying(JointStage):
    """A host that says to each sub what the services would not."""

    async def say(self, word: Callable[[Seat], object], *seats: Seat) -> None:
        """Say a word to some subs, past all checks of our own."""
        for seat in seats or self.subs:
            said = word(seat)
            await self.host.center.do(
                lambda desk, seat=seat, said=said: desk.say(seat.session, said)  # type: ignore[misc]
            )
            await self.them.settle()

    async def start_at(self, seat: Seat, members: Sequence[bytes]) -> None:
        word = Start("E3608000001004627001001", "吉安大桥", tuple(sorted(members)))

        def start(desk: Desk) -> None:
            desk.say(seat.session, word)  # type: ignore[arg-type]
            sessions.set_started(
                desk.ledger.connection,
                seat.session,
                word.lot_code,
                word.project_name,
                desk.now_ms,
            )

        await self.host.center.do(start)
        await self.them.settle()

    async def end(self, seat: Seat, digest: bytes) -> None:
        """Everybody has signed, it says, and closes what it sealed."""
        leg = (await self.legs())[seat.center.id]

        def end(desk: Desk) -> None:
            desk.say(seat.session, Finish(digest, MEMBERS))  # type: ignore[arg-type]
            self.host.draws.close_all(desk, leg.conversation)

        await self.host.center.do(end)
        await self.them.settle()

    async def codes(self) -> list[bytes]:
        found = await self.host.center.do(
            lambda desk: self.host.sessions.members(desk, self.session)
        )
        return [one.code for one in found]


class StartsEarly(Lying):
    """Starts the first sub before the second is ready."""

    @override
    async def started(self) -> None:
        await self.all_in()
        first, second = self.subs
        await self.ready(first)
        await self.start_at(first, await self.codes())
        await self.ready(second)
        await self.start_at(second, await self.codes())


class SeatsAnother(Lying):
    """Tells the second sub of another committee: one of its own people is exchanged."""

    @override
    async def started(self) -> None:
        await self.all_in()
        for seat in self.subs:
            await self.ready(seat)
        codes = await self.codes()
        (own, *_) = await self.own(self.host)
        await self.start_at(self.subs[0], codes)
        await self.start_at(self.subs[1], [*(set(codes) - {own.code}), bytes([7]) * 32])


class ElectsItsOwn(Lying):
    """All five experts of the subs vote for one, the four at the host are said to win."""

    @override
    async def elect(self) -> None:
        chair = (await self.own(self.host))[0].code
        await self.say(lambda _seat: Elect(chair, 4, MEMBERS))
        await self._keep(chair)

    async def _keep(self, chair: bytes) -> None:
        for seat in self.subs:
            await self.host.center.do(
                lambda desk, seat=seat: sessions.set_chair(  # type: ignore[misc]
                    desk.ledger.connection, seat.session, chair
                )
            )


class ElectsTwo(ElectsItsOwn):
    """Tells each sub of another chair, each as plausible to it as can be."""

    @override
    async def elect(self) -> None:
        first = (await self.own(self.subs[0]))[0].code
        second = (await self.own(self.host))[0].code
        await self.say(lambda _seat: Elect(first, 9, MEMBERS), self.subs[0])
        await self.say(lambda _seat: Elect(second, 7, MEMBERS), self.subs[1])
        await self._keep(first)


class ShowsTwoReports(Lying):
    """Has the second sub sign another report."""

    @override
    async def present(self) -> None:
        for seat, report in zip(self.subs, (REPORT, OTHER_REPORT), strict=True):
            digest = self.host.center.suite.hash(report)
            await self.say(lambda _seat, digest=digest: Present(digest), seat)  # type: ignore[misc]
            await self.host.center.do(
                lambda desk, seat=seat, digest=digest: sessions.set_report_digest(  # type: ignore[misc]
                    desk.ledger.connection, seat.session, digest
                )
            )
        first = min(seat.session for seat in self.subs)
        await self.host.center.do(
            lambda desk: archives.set_report(desk.ledger.connection, first, REPORT)
        )

    @override
    async def finish(self) -> None:
        for seat, report in zip(self.subs, (REPORT, OTHER_REPORT), strict=True):
            digest = self.host.center.suite.hash(report)
            await self.end(seat, digest)


class EndsEarly(Lying):
    """Ends with the first sub before the second has signed."""

    @override
    async def conclude(self) -> None:
        await self.present()
        first, second = self.subs
        digest = self.host.center.suite.hash(REPORT)
        for seat in (self.host, first):
            await self.sign(seat)
        await self.end(first, digest)
        await self.sign(second)
        await self.end(second, digest)
        for seat in self.subs:
            await self.hand_over(seat)


@pytest.mark.parametrize(
    ("lie", "named"),
    [
        (StartsEarly, "others began before its site was ready"),
        (SeatsAnother, "was started otherwise"),
        (ElectsItsOwn, "the ballots of all subs contradict the election"),
        (ElectsTwo, "has another chair"),
        (ShowsTwoReports, "is about another report"),
        (EndsEarly, "others ended before it had signed"),
    ],
)
def test_what_each_sub_must_believe_is_refuted_by_all_together(
    lie: type[JointStage], named: str
) -> None:
    made = _played(lie)

    for part in (*made.parts, *made.of_subs):
        verify(part, DECODE)  # each by itself holds
    error = refused(made.file)
    assert error.step is Step.JOINT
    assert named in error.en


# Replacements


class Replaces(Lying):
    """One of the first sub's experts leaves after the election; the next of the draw comes."""

    async def anew(self) -> None:
        sub = self.subs[0]
        (gone, *_) = await self.own(sub)
        await sub.center.do(
            lambda desk: sub.sessions.depart(
                desk, sub.session, gone.code, Response.RECUSED, "", "staff"
            )
        )
        await self.them.greet()
        for seat in self.sites:
            await self.check_in(seat)
        for seat in self.subs:
            await self.ready(seat)
        await self.start()

    @override
    async def conclude(self) -> None:
        await self.anew()
        await self.chosen()
        await super().conclude()

    async def chosen(self) -> None:
        """All vote and elect once more."""
        chair = (await self.own(self.subs[0]))[0].code
        for seat in self.sites:
            await self.vote_for(seat, chair)
        await self.elect()


class SkipsTheVotes(Replaces):
    """After a member was replaced the host declares the chair before anybody has voted anew."""

    @override
    async def chosen(self) -> None:
        for seat in self.subs:
            await seat.center.do(_voted)
        chair = (await self.own(self.subs[0]))[0].code
        await self.say(lambda _seat: Elect(chair, 1, MEMBERS))
        for seat in self.subs:
            await self.host.center.do(
                lambda desk, seat=seat: sessions.set_chair(  # type: ignore[misc]
                    desk.ledger.connection, seat.session, chair
                )
            )


def _voted(desk: Desk) -> None:
    """A sub that does not look whether its people have voted."""
    desk.ledger.connection.execute("UPDATE member SET ballot = code")


def test_a_replaced_member_is_in_no_part_and_all_began_again() -> None:
    made = _played(Replaces)

    told = verify_joint(made.file, DECODE)
    assert told.document()["members"] == MEMBERS
    assert sum(draw.supplements for draw in told.draws) == 1
    for part in (*made.parts, *made.of_subs):
        verify(part, DECODE)


def test_votes_from_before_a_replacement_elect_nobody() -> None:
    with pytest.raises(Conflicting, match="have voted since the start"):
        _played(SkipsTheVotes)
