"""The lottery of sub-venues: its vectors, its checks, and that nobody can bend it."""

import hmac
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.lottery import selection
from federation.lottery.selection import Unfair
from federation.protocol.booking import ExpertNeed, SelectionMode
from federation.protocol.selection import (
    MAX_SKIPPED,
    Disclose,
    Enter,
    Entrant,
    Gather,
    Invite,
    Place,
    Rank,
)
from federation.trust.suite import Digests, u32
from federation.wire.words import encode_word
from tests.lottery.honest_draw import SUITES

HOST = "lp1" + "h" * 32
CENTERS = tuple("lp1" + letter * 32 for letter in "abcde")
ID = bytes(range(16))

VECTORS = {
    "intl-1": (
        "5293df20a48189811cc25cc3f0a9ed3224d52bc393f7e058b76ee6a3a6916a89",
        "1f9fa9b33bf496e546b3fa2dec050e8f621d8804f157657798d65a90a6953914",
        "282627b3af095dccb77be2861bd9057e99e32e18b9dbfea99692070e1ad14547",
        "71c1d62a4366ad8843eebcdf6b389587081f60610796adf4213d132dedb266b1",
        "bacd",
    ),
    "gm-1": (
        "3d97650e7bd4b592f805268c4cee763a83b6ff6a5e06c75a725b7f0c3ca3fb35",
        "1783ff01fa22e726cc09a790e2570a7ad6ff421690bb2efec0e7af4456fb28ca",
        "1ada83017e06ef1c6fa01159e600589f1054fdf7dcf9d84e23a0b1eb1720dd19",
        "8f448fd0e33c2489d82bd09fca243dd3121edc3c08619c771a4d858450a2d032",
        "bacd",
    ),
}

every_suite = pytest.mark.parametrize("digests", SUITES, ids=lambda digests: digests.suite_id)


def value_of(center: str) -> bytes:
    return center[3:4].encode() * 32


class Lottery:
    """An honest lottery of five, of whom one is absent."""

    def __init__(self, digests: Digests, selection_id: bytes = ID) -> None:
        bind = selection.host_bound(digests, selection_id, 1)
        self.digests = digests
        self.invite = Invite(
            selection_id=selection_id,
            attempt=1,
            candidates=CENTERS,
            selection=SelectionMode.RANDOM,
            start_ms=1_000,
            end_ms=2_000,
            project_kind="A",
            places=(Place(3, ("camera",), overnight=False, experts=(ExpertNeed("A08", 2),)),),
            commitment=selection.commitment(digests, bind, HOST, value_of(HOST)),
        )
        self.body = encode_word(self.invite)
        self.bound = selection.invite_hash(digests, self.body)
        self.enters = {
            center: Enter(selection.commitment(digests, self.bound, center, value_of(center)))
            for center in CENTERS[:4]
        }
        self.gather = Gather(
            tuple(Entrant(center, enter.commitment) for center, enter in self.enters.items()),
            CENTERS[4:],
        )
        values = [value_of(center) for center in (HOST, *self.enters)]
        order = selection.order(digests, self.bound, self.invite, self.gather, values)
        self.rank = Rank(values[0], tuple(values[1:]), order)

    def check_rank(self, rank: Rank, gather: Gather | None = None) -> None:
        selection.check_rank(
            self.digests, self.bound, HOST, self.invite, gather or self.gather, rank
        )


@every_suite
def test_the_published_vectors_come_out(digests: Digests) -> None:
    lottery = Lottery(digests)
    made = (
        digests.hash(lottery.body),
        lottery.invite.commitment,
        lottery.bound,
        lottery.enters[CENTERS[0]].commitment,
    )
    letters = "".join(center[3] for center in lottery.rank.order)
    assert (*(value.hex() for value in made), letters) == VECTORS[digests.suite_id]


@every_suite
def test_the_order_is_that_of_the_hmac_over_the_center_ids(digests: Digests) -> None:
    lottery = Lottery(digests)
    commits = digests.tagged(
        "commits", lottery.bound, lottery.invite.commitment,
        *(enter.commitment for enter in lottery.enters.values()),
    )  # fmt: skip
    revealed = [b"\1" + value_of(center) for center in (HOST, *lottery.enters)]
    seed = digests.tagged("seed", commits, *revealed, b"")
    key = digests.mac(seed, "rank-key", u32(0), b"sub-venue")
    tags = {
        hmac.digest(key, center.encode(), digests.mac_name): center for center in lottery.enters
    }
    assert lottery.rank.order == tuple(tags[tag] for tag in sorted(tags))


@every_suite
def test_an_honest_lottery_passes_every_check(digests: Digests) -> None:
    lottery = Lottery(digests)
    for center, enter in lottery.enters.items():
        selection.check_gather(lottery.invite, center, enter, lottery.gather)
        disclose = Disclose(value_of(center))
        selection.check_disclosure(digests, lottery.bound, center, enter, disclose)
    lottery.check_rank(lottery.rank)


@every_suite
def test_a_list_that_was_bent_is_found_by_every_candidate(digests: Digests) -> None:
    lottery = Lottery(digests)
    entrants = lottery.gather.entrants
    bent = [
        Gather(entrants[1:], CENTERS[4:]),  # one is nowhere
        Gather(entrants[1:], (CENTERS[0], *CENTERS[4:])),  # we are said to be absent
        Gather((replace(entrants[0], commitment=bytes(32)), *entrants[1:]), CENTERS[4:]),
        Gather(entrants, (*CENTERS[4:], HOST)),  # a stranger
        Gather((*entrants, entrants[0]), CENTERS[4:]),
        Gather(entrants[::-1], CENTERS[4:]),
    ]
    for gather in bent:
        with pytest.raises(Unfair):
            selection.check_gather(lottery.invite, CENTERS[0], lottery.enters[CENTERS[0]], gather)


@every_suite
def test_a_value_that_does_not_open_its_commitment_is_found(digests: Digests) -> None:
    lottery = Lottery(digests)
    rank, other = lottery.rank, bytes(32)
    for bent, match in (
        (replace(rank, value=other), HOST),
        (replace(rank, values=(other, *rank.values[1:])), CENTERS[0]),
        (replace(rank, values=rank.values[:3]), "3 for 4"),
        (replace(rank, order=rank.order[::-1]), "order"),
        (replace(rank, order=rank.order[:3]), "order"),
    ):
        with pytest.raises(Unfair, match=match):
            lottery.check_rank(bent)
    with pytest.raises(Unfair, match=CENTERS[1]):
        selection.check_disclosure(
            digests, lottery.bound, CENTERS[1], lottery.enters[CENTERS[1]], Disclose(other)
        )


@every_suite
def test_a_value_committed_in_another_lottery_or_attempt_opens_nothing(digests: Digests) -> None:
    lottery, other = Lottery(digests), Lottery(digests, bytes(16))
    assert other.invite.commitment != lottery.invite.commitment
    assert other.enters[CENTERS[0]] != lottery.enters[CENTERS[0]]
    binds = {selection.host_bound(digests, ID, attempt) for attempt in (1, 2, 3)}
    assert len(binds) == 3


def test_every_candidate_is_first_about_as_often() -> None:
    digests = SUITES[0]
    lottery = Lottery(digests)
    firsts = Counter(
        selection.order(
            digests, lottery.bound, lottery.invite, lottery.gather,
            [number.to_bytes(32), *lottery.rank.values],
        )[0]
        for number in range(4_000)
    )  # fmt: skip
    assert set(firsts) == set(CENTERS[:4])
    # Chi-squared with 3 degrees of freedom: 27 is passed by chance once in 200,000 times.
    assert sum((count - 1_000) ** 2 / 1_000 for count in firsts.values()) < 27


@pytest.mark.parametrize(
    ("participants", "match"),
    [
        (("a",), "1 for 2"),
        (("b", "a"), "order of their ranks"),
        (("a", "a"), "order of their ranks"),
        (("a", "x"), "order of their ranks"),
        (("a", "f"), f"more than {MAX_SKIPPED}"),
    ],
)
def test_whoever_is_not_next_by_rank_is_no_participant(
    participants: tuple[str, ...], match: str
) -> None:
    with pytest.raises(Unfair, match=match):
        selection.check_drawn("abcdef", 2, participants)


@given(
    declined=st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=6),
    places=st.integers(1, 4),
)
def test_the_next_are_the_first_that_did_not_decline(declined: list[str], places: int) -> None:
    chosen = selection.following("abcdefgh", places, declined)
    left = [each for each in "abcdefgh" if each not in declined]
    if chosen:
        assert list(chosen) == left[:places]
        selection.check_drawn("abcdefgh", places, chosen)
    else:
        passed = "abcdefgh".index(left[places - 1]) + 1 - places if len(left) >= places else 99
        assert passed > MAX_SKIPPED
