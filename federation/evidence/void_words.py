"""What the words of a draw were worth until it was declared void: part of step 9.

The auditor of ``federation.lottery`` needs the sealer's value, which nobody ever learns of a
draw that came to nothing. All else that it holds is held here too: that the pool, the strata, the
contributors and the exclusion list are those committed to, that what was revealed opens its
commitment, and that every step of the walk was justified by its verdict. Who declared the draw
void, and whether he might, is ``voided``.
"""

from collections.abc import Mapping, Sequence
from typing import NoReturn

from federation.errors import FederationError
from federation.evidence.case import Case, Refuted, Step, Told
from federation.evidence.outside import check_named
from federation.evidence.supplementing import taken
from federation.lottery import audit, outside, ranking, walk
from federation.lottery.pool import check_listings, strata_root
from federation.lottery.supplement import NOBODY
from federation.protocol.draw import (
    AcceptDraw,
    Commit,
    Fault,
    Open,
    RequestDraw,
    Result,
    Reveal,
    Verdict,
)
from federation.protocol.peering import AnnouncePool
from federation.protocol.terms import draw_opens_ms


def check_words(case: Case, told: Told, opening: Open, pool: AnnouncePool) -> walk.Walk | None:
    """Audit all words of a void draw but its ``Fault``.

    Args:
        case: The dossier.
        told: The draw's ``Open``.
        opening: What it says.
        pool: The pool as its owner announced it before.

    Returns:
        How far the walk had come; None if nobody had revealed.

    Raises:
        Refuted: One is against the rules.
    """
    check_named(case, told, opening)
    try:
        return _Words(case, told, opening, pool).run()
    except FederationError as error:
        raise Refuted(
            Step.DRAWS,
            f"draw {told.statement.conversation_id.hex()}",
            f"作废的抽取不合规则 ({error})",
            f"of a void draw: {error.detail}",
            rule=error.clause,
        ) from error


class _Words:
    def __init__(self, case: Case, told: Told, opening: Open, pool: AnnouncePool) -> None:
        self._case = case
        self._opened = told
        self._opening = opening
        self._pool = pool
        self._draw = told.statement.conversation_id
        self._owner, self._sealer = told.hearer, told.sender
        self._bound = ranking.open_hash(case.suite, told.payload)
        self._read = case.others.told(self._owner)
        self._listings: Mapping[str, Sequence[bytes]] = {}
        self._committed: dict[str, bytes] = {}
        self._pledges: Mapping[str, bytes] = {}
        self._walk: walk.Walk | None = None

    def run(self) -> walk.Walk | None:
        """All words in the order of the owner's log. Raises Refuted, FederationError."""
        self._check_opening()
        self._check_exclusions()
        for said in sorted(self._case.talks[self._draw], key=lambda one: one.index(self._owner)):
            self._hear(said)
        return self._walk

    def _hear(self, told: Told) -> None:
        match told.word:
            case RequestDraw() as word:
                if audit.asked(word) != audit.asked(self._opening):
                    self._refute(told, "V2", "开启的与申请的不同", "another draw was requested")
            case Open() | Fault():
                pass
            case AcceptDraw() as word:
                self._listings = check_listings(
                    self._case.suite, self._pool.strata, self._opening.slots, word.listings
                )
            case Commit() as word:
                self._committed[told.sender] = word.commitment
                if told.sender == self._owner:
                    self._pledges = outside.pledged(self._read, self._opening.outside, word.outside)
            case Reveal() as word:
                self._walk = self._revealed(told, word)
            case _:
                self._walk = self._step(told)

    def _check_opening(self) -> None:
        case, word, strata = self._case, self._opening, self._pool.strata
        opens_ms = draw_opens_ms(case.terms, word.bid_deadline_ms, word.evaluation_start_ms)
        if self._opened.at_ms(self._owner) < opens_ms:
            self._refute(self._opened, "V3", "早于协议允许的抽取时间", "before the draw window")
        names = [stratum.specialty for stratum in strata]
        if names != sorted(set(names)) or strata_root(case.suite, strata) != self._pool.root:
            self._refute(self._opened, "V4", "专家库根值不符", "its strata are not the root's")
        due = (self._owner, *word.outside, self._sealer)
        if word.contributors != due or len(set(due)) < len(due):
            self._refute(self._opened, "V6", "随机数提供方不符", f"its contributors are not {due}")

    def _check_exclusions(self) -> None:
        given = self._case.dossier.openings.get(self._draw)
        if given is None or given.excluded is None:
            return
        known, salt = given.excluded, given.exclusion_salt
        bound = audit.exclusion_commitment(self._case.suite, salt, known) if known or salt else b""
        if bound != self._opening.exclusion_commitment:
            self._refute(
                self._opened, "V13", "回避名单与承诺不符", "the exclusion list is another one"
            )

    def _revealed(self, told: Told, word: Reveal) -> walk.Walk:
        case, owner, sealer = self._case, self._owner, self._sealer
        opened = ranking.commitment(case.suite, self._bound, owner, word.value)
        if sealer not in self._committed or opened != self._committed.get(owner):
            self._refute(
                told,
                "V7",
                "公开的随机数与承诺不符",
                "what was revealed is not what was committed to",
            )
        values = outside.given(case.suite, self._bound, self._read, self._pledges, word.outside)
        outside.require_enough(values, case.terms.min_outside_contributors)
        commits = ranking.commits_hash(
            case.suite,
            self._bound,
            (self._committed[owner], *self._pledges.values(), self._committed[sealer]),
        )
        given = case.dossier.openings.get(self._draw)
        excluded: Sequence[str] | None = None if self._opening.exclusion_commitment else ()
        if given is not None and given.excluded is not None:
            excluded = given.excluded
        return walk.start(case.suite, self._opening, self._listings, commits, excluded)

    def _step(self, told: Told) -> walk.Walk:
        if self._walk is None:
            self._refute(told, "V12", "随机数公开之前即点名", "walked before Reveal")
        ruled = isinstance(told.word, Verdict)
        others = taken(self._case, self._draw, told, self._owner) if ruled else NOBODY
        after = self._walk.beside(others).heard(told.word, told.payload)
        given = self._case.dossier.openings.get(self._draw)
        if isinstance(told.word, Result) and given is not None:
            salt = given.list_salts.get(told.word.revision)
            if salt is not None and told.word.list_commitment != audit.list_commitment(
                self._case.suite, self._bound, salt, after.chosen
            ):
                self._refute(told, "V14", "名单与承诺不符", "the list is not the committed one")
        return after

    def _refute(self, told: Told, rule: str, zh: str, en: str) -> NoReturn:
        zh, en = f"作废的抽取不合规则: {zh}", f"of a void draw: {en}"
        raise Refuted(Step.DRAWS, told.where, zh, en, rule=rule)
