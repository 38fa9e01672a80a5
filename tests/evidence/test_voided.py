"""A void draw is audited as far as it went: who gave it up, when, and what was known by then."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from federation.engine import identity
from federation.evidence import voided
from federation.evidence.case import Refuted, Step
from federation.evidence.dossier import read, write
from federation.evidence.verify import verify
from federation.protocol.booking import Answer, Consent, Decision, Move, Settle
from federation.protocol.draw import (
    ACCEPTED,
    ASKED,
    COMMITTED,
    DRAW,
    HALF,
    INVITED,
    OPENED,
    WALKING,
)
from federation.protocol.peering import AnnouncePool
from federation.wire.evidence import DECODE
from node.services.errors import Conflicting
from tests.evidence.evaluated import furnish
from tests.evidence.given_up import GivenUp, Permitted, given_up
from tests.support.pair import Center, two_centers
from tests.support.witnessed import witnessed

MINUTE_MS = 60_000


def test_clocks_may_differ_as_much_as_a_node_allows() -> None:
    assert voided.SKEW_MS == identity.SKEW_MS


@pytest.mark.parametrize(
    ("up_to", "known", "left"),
    [
        (OPENED, False, 1),
        (ACCEPTED, False, 1),
        (HALF, False, 2),
        (COMMITTED, False, 2),
        (WALKING, True, 2),
        (ASKED, True, 2),
        (INVITED, True, 2),
    ],
)
async def test_a_draw_that_was_given_up_in_time_is_told_with_what_was_known(
    tmp_path: Path, up_to: Any, known: bool, left: int
) -> None:
    async with two_centers(furnish) as pair:
        played = GivenUp(pair, void_first=True, up_to=up_to)
        verdict, void = await given_up(played, tmp_path)

    assert (void.phase, void.sequence, void.order_known, void.leave) == (up_to, 1, known, False)
    assert (void.owner, void.sealer) == (pair.sub.id, pair.host.id)
    authority = pair.sub.id if DRAW.waits[up_to].authority == "OWNER" else pair.host.id
    assert void.by == authority
    assert void.invited == (up_to == INVITED)
    assert len(void.unchecked) == left
    assert (verdict.void_draws, verdict.order_known) == (1, int(known))
    zh, en = verdict.summary("zh"), verdict.summary("en")
    assert ("警告: 其中1次在封定方已知抽取结果之后作废" in zh) == known
    assert ("WARNING: 1 of them were given up after their sealer knew" in en) == known
    assert "作废的抽取: 序号1" in zh
    assert "双方若串通可假作沉默" in zh
    assert "two that collude can feign it" in en
    assert f"在{up_to}阶段宣布作废(没有回音)" in zh
    told: Mapping[str, Any] = verdict.document()
    assert told["order_known"] == int(known)
    assert told["voided"][0]["phase"] == up_to


@pytest.mark.parametrize("early", [0, voided.SKEW_MS - 10 * 1_000])
async def test_clocks_that_differ_void_a_draw_a_little_early(tmp_path: Path, early: int) -> None:
    async with two_centers(furnish) as pair:
        played = GivenUp(pair, void_first=True, up_to=COMMITTED, early_ms=early)
        _, void = await given_up(played, tmp_path)
        assert void.phase == COMMITTED


@pytest.mark.parametrize(
    ("lie", "problem"),
    [
        ({"up_to": COMMITTED, "early_ms": 29 * MINUTE_MS}, "nothing was overdue: COMMITTED"),
        ({"up_to": WALKING, "early_ms": 29 * MINUTE_MS}, "nothing was overdue: WALKING"),
        ({"up_to": INVITED, "early_ms": 40 * MINUTE_MS}, "INVITED lasts 60 minutes, 20 had"),
        ({"up_to": WALKING, "by": "sealer"}, "not for the SEALER to let WALKING pass"),
        ({"up_to": ASKED, "by": "owner"}, "not for the OWNER to let ASKED pass"),
        ({"up_to": COMMITTED, "by": "owner"}, "not for the OWNER to let COMMITTED pass"),
        ({"up_to": INVITED, "phase": ASKED}, "the draw was at INVITED, not ASKED"),
        ({"up_to": ACCEPTED, "by": "owner", "silent": ("lp1" + "a" * 32,)}, "contributors of the"),
        ({"up_to": WALKING, "by": "owner", "silent": ("lp1" + "a" * 32,)}, "before Reveal"),
    ],
)
async def test_a_draw_that_nobody_had_cause_to_give_up_gets_no_dossier(
    tmp_path: Path, lie: dict[str, Any], problem: str
) -> None:
    async with two_centers(furnish) as pair:
        played = GivenUp(pair, void_first=True, **lie)
        with pytest.raises(Conflicting, match=rf"step 9 .*{problem}"):
            await given_up(played, tmp_path)


async def test_a_contributor_that_was_silent_is_blamed_by_the_owner_alone(tmp_path: Path) -> None:
    async with witnessed(furnish, "regulator", "neighbour") as pair:
        ids = tuple(each.id for each in pair.others)
        terms = {"outside_contributors": ids, "min_outside_contributors": 1}
        played = GivenUp(
            pair, void_first=True, outside=pair.others, terms=terms,
            up_to=ACCEPTED, by="owner", silent=ids[1:], early_ms=29 * MINUTE_MS,
        )  # fmt: skip
        verdict, void = await given_up(played, tmp_path)
        assert (void.by, void.order_known) == (pair.sub.id, False)
        assert "外部见证方是否确实未提供随机数" in verdict.summary("zh")


async def test_with_the_regulators_leave_the_warning_stays_and_says_so(tmp_path: Path) -> None:
    async with witnessed(furnish, "regulator") as pair:
        terms = {"regulator": pair.others[0].id}
        played = Permitted(pair, void_first=True, terms=terms, up_to=WALKING)
        verdict, void = await given_up(played, tmp_path)
        assert (void.order_known, void.leave) == (True, True)
        assert (verdict.order_known, verdict.redrawn) == (1, 0)
        assert "监管部门已准许重抽" in verdict.summary("zh")
        assert "drawn again with the regulator's leave" in verdict.summary("en")
        # The sealer's escrow could have been opened; what the regulator said is in its log.
        assert "whether the regulator had refused to open the escrow" in verdict.summary("en")


async def test_a_void_draw_whose_fault_is_cut_out_is_refuted(tmp_path: Path) -> None:
    async with two_centers(furnish) as pair:
        played = GivenUp(pair, void_first=True, up_to=WALKING)
        await played.play()
        path = await played.dossiers(pair.host, tmp_path).make(played.session)
        dossier = read(path.read_bytes())[0]
        kept = tuple(
            replace(
                talk,
                lines=tuple(
                    each for each in talk.lines if ".Fault+" not in each.envelope.payload_type
                ),
            )
            for talk in dossier.conversations
        )
        forged = replace(dossier, conversations=kept)
        with pytest.raises(Refuted) as caught:
            verify(write(forged, pair.host.signer), DECODE)
        assert caught.value.step <= Step.DRAWS


@dataclass
class Moved(GivenUp):
    """The evaluation is put off once its first draw has come to nothing."""

    lie_ms: int = 0

    @override
    async def void(self, owner: Center, announced: AnnouncePool) -> None:
        self.start_ms += self.lie_ms
        await super().void(owner, announced)
        self.start_ms += 3_600_000 - self.lie_ms
        change = b"\7" * 16
        for by, word in (
            (self.host, Move(change, self.start_ms, self.start_ms + 4 * 3_600_000, "改期")),
            (self.sub, Consent(change, Answer.YES, promise_ms=3_600_000)),
            (self.host, Settle(change, Decision.CONFIRM)),
        ):
            await self.say(by, self.booking, word)


async def test_a_void_draw_was_for_the_start_that_was_booked_then(tmp_path: Path) -> None:
    async with two_centers(furnish) as pair:
        _, void = await given_up(Moved(pair, void_first=True), tmp_path)
        assert void.sequence == 1


async def test_a_void_draw_for_another_start_than_was_booked_gets_no_dossier(
    tmp_path: Path,
) -> None:
    async with two_centers(furnish) as pair:
        with pytest.raises(Conflicting, match="names another start"):
            await given_up(Moved(pair, void_first=True, lie_ms=3_600_000), tmp_path)
