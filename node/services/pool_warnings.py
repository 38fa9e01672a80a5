"""Tells people of small strata: when our pool is committed to, and when an evaluation is planned.

It warns and never blocks. Who reads of a plan is not told whose pool it is: in a blind lottery
of sub-venues that would tell the sub.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from federation.ids import AgreementId
from federation.lottery.pool import ACTIVE, PoolMember
from federation.protocol.agreement import AgreementTerms
from federation.protocol.booking import ExpertNeed
from node.domain.project import ExpertSlots
from node.domain.small_pools import Small, small_strata
from node.services.accounts import Role
from node.services.house import Desk
from node.services.todos import BY_SYSTEM
from node.store import bookings, pools, projects, todos
from node.store.pools import Between

POOL_SMALL: Final = "pool_small"
"""The to-do that names small strata of our own pool."""
PLAN_SMALL: Final = "plan_pool_small"
"""The to-do that names small strata of a planned evaluation."""
NAMED: Final = 6  # strata in a to-do's text; the API has all


def in_epoch(members: Iterable[PoolMember], least: int) -> tuple[Small, ...]:
    """The small strata of an epoch, by who can be drawn."""
    everybody: Counter[str] = Counter()
    candidates: Counter[str] = Counter()
    for member in members:
        everybody.update(member.specialties)
        if member.status == ACTIVE:
            candidates.update(member.specialties)
    return small_strata(candidates, dict.fromkeys(everybody, 0), 0, least)


def tell_epoch(desk: Desk, pool: str, found: Sequence[Small]) -> None:
    """Leave a to-do for the staff, or close it when nothing is small any more."""
    connection, subject = desk.ledger.connection, pool.encode()
    if not found:
        todos.done(connection, kind=POOL_SMALL, subject=subject, by=BY_SYSTEM, now_ms=desk.now_ms)
        return
    todos.add(
        connection,
        role=Role.STAFF.value,
        kind=POOL_SMALL,
        subject=subject,
        zh=f"专家库{pool}有{len(found)}个专业可抽取人数偏少,名单易被猜中,请补充专家:{_zh(found)}",
        en=f"{len(found)} strata of pool {pool} have few candidates, so that lists can be "
        f"guessed: {_en(found)}",
        now_ms=desk.now_ms,
    )


def in_plan(
    desk: Desk,
    terms: AgreementTerms,
    owner: str,
    other: str,
    slots: Iterable[ExpertSlots | ExpertNeed],
    least: int,
) -> tuple[Small, ...]:
    """The small strata among those to be drawn from; none where nothing is announced yet."""
    announced = pools.latest(
        desk.ledger.connection, Between(owner, other, terms.suite), desk.now_ms
    )
    if announced is None:
        return ()
    sizes = {stratum.specialty: stratum.size for stratum in announced.strata}
    wanted = {slot.specialty: slot.count for slot in slots}
    return small_strata(sizes, wanted, terms.pool_min_ratio, least)


def tell_plan(desk: Desk, project: bytes, found: Sequence[Small]) -> None:
    """Leave a to-do for the staff about a planned evaluation."""
    if found:
        todos.add(
            desk.ledger.connection,
            role=Role.STAFF.value,
            kind=PLAN_SMALL,
            subject=project,
            zh=f"项目拟抽取的专业候选人数偏少,名单易被猜中:{_zh(found)};可增加副场或放宽专业",
            en=f"few candidates for what a project draws: {_en(found)}; add a sub-venue or widen "
            "the specialty",
            now_ms=desk.now_ms,
        )


def of_project(desk: Desk, project: bytes, least: int) -> tuple[Small, ...]:
    """The small strata of a planned evaluation, from all its pools."""
    connection, me = desk.ledger.connection, desk.identity.center
    row = projects.get(connection, project)
    found: list[Small] = []
    legs = bookings.of_project(connection, project)
    for leg in legs:
        terms = desk.ledger.agreement(AgreementId(leg.agreement))
        if terms is None:
            continue
        found += in_plan(desk, terms, leg.peer, me, leg.hold.experts, least)
        if leg is legs[0] and row is not None and row.plan is not None:
            found += in_plan(desk, terms, me, leg.peer, row.plan.host_slots, least)
    return tuple(dict.fromkeys(found))


def counted(found: Iterable[Small]) -> list[Mapping[str, object]]:
    """For programs."""
    return [
        {"specialty": each.specialty, "candidates": each.candidates, "needed": each.needed}
        for each in found
    ]


def _zh(found: Sequence[Small]) -> str:
    named = "、".join(f"{each.specialty}仅{each.candidates}人" for each in found[:NAMED])
    return named + ("等" if len(found) > NAMED else "")


def _en(found: Sequence[Small]) -> str:
    named = ", ".join(f"{each.candidates} of {each.specialty}" for each in found[:NAMED])
    return named + (", …" if len(found) > NAMED else "")
