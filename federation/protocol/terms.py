"""What two centers agree on: the terms of an agreement, as both sign them.

Units and meaning of every field are in ``agreement.proto``; sources are ``domain.md`` §1.6 to
§1.10 and §4. Here: the values and what is worked out of one of them alone. Which terms
contradict each other is ``contradictions.py``; what a booking, draw or session may do under
them is ``enforcement``; how they come into force is ``agreement.py``.

The terms that a center hardly ever changes have defaults; each is the field's custom or a
rule's number, and is said with it.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from federation.protocol.booking import SelectionMode

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
DAY_MINUTES: Final = 24 * 60

ANSWER_MS: Final = 10 * MINUTE_MS
"""What a proposal that is counted from now adds: who takes it is not refused again for slowness."""

MAX_SEATS: Final = 500  # more than the largest center has
MAX_EXPERTS: Final = 99  # a committee fits one room; the largest on record has 33
MAX_HANDOVER_DAYS: Final = 250  # a year of working days; more is a unit mixed up
MAX_YEARS_MS: Final = 10 * 366 * DAY_MS  # an agreement without end is a mistake in a date
MAX_DAYS: Final = 36_525  # a hundred years; a retention longer than that means "for good"
MAX_FEN: Final = 10**13  # a hundred billion yuan: no project is larger
MAX_FAULT_MS: Final = 24 * HOUR_MS  # whoever waits a day for a repair has postponed

DEFAULT_HOLD_MS: Final = 30 * DAY_MS
DEFAULT_FAULT_WAIT_MS: Final = 2 * HOUR_MS  # domain.md §1.7, S9 art. 20
DEFAULT_FAULT_REPAIR_MS: Final = 4 * HOUR_MS  # domain.md §1.7, S9 art. 21
DEFAULT_AV_RETENTION_DAYS: Final = 15 * 365  # 政府采购法 art. 42
DEFAULT_DATA_RETENTION_DAYS: Final = 3 * 365  # 网络数据安全管理条例 art. 12
DEFAULT_NOTICE_DAYS: Final = 30
DISPUTE_PATH: Final = ("双方协商", "报请双方监督部门协调", "依法向有管辖权的人民法院起诉")


class DrawAnchor(IntEnum):
    """The moment a draw window is counted from."""

    BID_DEADLINE = 1
    EVALUATION_START = 2


class Drawer(IntEnum):
    """Who draws experts."""

    POOL_OWNER = 1
    HOST = 2


class InDoubt(IntEnum):
    """What the sub does with promised seats when no decision comes in time."""

    KEEP_AND_ESCALATE = 1
    RELEASE = 2


class FeeRule(IntEnum):
    """Whose fee schedule counts for a sub's experts."""

    HIGHER_OF = 1
    HOST = 2
    SUB = 3


class Payer(IntEnum):
    """Who pays experts and the sub-venue."""

    TENDEREE = 1
    AGENCY = 2
    HOST = 3


class SettlementPeriod(IntEnum):
    """How often the two sides settle."""

    PER_SESSION = 1
    MONTHLY = 2
    QUARTERLY = 3


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom to call."""

    duty: str
    name: str
    phone: str


@dataclass(frozen=True, slots=True)
class Party:
    """One side of an agreement."""

    center_id: str
    name: str
    uscc: str
    region_code: str
    supervisor: str = ""
    contacts: tuple[Contact, ...] = ()
    root_key_ids: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Direction:
    """Who may be host and who sub."""

    host: str
    sub: str


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """What one center's experts are paid by its own standard, in fen."""

    center_id: str
    base_fen: int
    base_minutes: int
    step_fen: int
    step_minutes: int
    overnight_fen: int = 0

    def fee_fen(self, minutes: int, *, nights: int = 0) -> int:
        """Pay of one expert, fen: the base, and a step for every further one begun."""
        further = max(0, minutes - self.base_minutes)
        steps = -(-further // self.step_minutes) if self.step_fen else 0
        return self.base_fen + steps * self.step_fen + nights * self.overnight_fen


@dataclass(frozen=True, slots=True)
class Fees:
    """Pay of experts and compensation of the sub-venue (副场补偿)."""

    rule: FeeRule = FeeRule.HIGHER_OF
    schedules: tuple[FeeSchedule, ...] = ()
    venue_fen: int = 0
    payer: Payer = Payer.TENDEREE

    def expert_fen(self, host: str, sub: str, minutes: int, *, nights: int = 0) -> int | None:
        """Pay of one expert of the sub, fen; None when the agreement leaves it to the pool.

        就高不就低: under ``HIGHER_OF`` both schedules are worked out for the very same time and
        the higher amount counts.
        """
        amounts = {each.center_id: each.fee_fen(minutes, nights=nights) for each in self.schedules}
        if not amounts:
            return None
        match self.rule:
            case FeeRule.HIGHER_OF:
                return max(amounts.values())
            case FeeRule.HOST:
                return amounts[host]
            case FeeRule.SUB:
                return amounts[sub]


@dataclass(frozen=True, slots=True)
class Settlement:
    """When the two sides settle, and how long paying may take."""

    period: SettlementPeriod = SettlementPeriod.MONTHLY
    pay_within_days: int = 30


@dataclass(frozen=True, slots=True)
class DataProtection:
    """What of personal data goes to the other side (网络数据安全管理条例 art. 12)."""

    purpose: str = "远程异地评标的组织、见证与归档"
    categories: tuple[str, ...] = ("评标专家编号与专业", "签到与签署结果", "招标人代表编号")
    retention_days: int = DEFAULT_DATA_RETENTION_DAYS


@dataclass(frozen=True, slots=True)
class AgreementTerms:
    """What two centers agreed on. Units and meaning: ``agreement.proto``."""

    version: int
    title: str
    parties: tuple[Party, ...]
    directions: tuple[Direction, ...]
    effective_from_ms: int
    effective_until_ms: int
    project_kinds: tuple[str, ...]
    max_seats_per_session: int
    max_open_bookings: int
    lead_time_ms: int
    vote_ms: int
    decide_ms: int
    draw_anchor: DrawAnchor
    draw_earliest_ms: int
    pool_min_age_ms: int
    joint_test_valid_days: int
    handover_working_days: int
    suite: str
    sealed_disclosure: bool
    agreement_no: str = ""
    supersedes: bytes = b""
    specialty_prefixes: tuple[str, ...] = ()
    value_from_fen: int = 0
    value_until_fen: int = 0
    selection_modes: tuple[SelectionMode, ...] = tuple(SelectionMode)
    max_experts_per_session: int = MAX_EXPERTS
    max_concurrent_sessions: int = 0
    max_sessions_per_period: int = 0
    period_days: int = 0
    opens_minute: int = 0
    closes_minute: int = DAY_MINUTES
    open_weekdays: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    hold_ms: int = DEFAULT_HOLD_MS
    in_doubt: InDoubt = InDoubt.KEEP_AND_ESCALATE
    cancel_notice_ms: int = 0
    cancel_fee_fen: int = 0
    drawn_by: Drawer = Drawer.POOL_OWNER
    pool_min_ratio: int = 1
    min_outside_contributors: int = 0
    max_draws_per_expert: int = 0
    draw_period_days: int = 0
    fees: Fees = Fees()
    settlement: Settlement = Settlement()
    fault_wait_ms: int = DEFAULT_FAULT_WAIT_MS
    fault_repair_ms: int = DEFAULT_FAULT_REPAIR_MS
    av_retention_days: int = DEFAULT_AV_RETENTION_DAYS
    data_protection: DataProtection = DataProtection()
    dispute_path: tuple[str, ...] = DISPUTE_PATH
    notice_days: int = DEFAULT_NOTICE_DAYS
    outside_contributors: tuple[str, ...] = ()
    regulator: str = ""

    def party(self, center: str) -> Party:
        """A side of the agreement. Raises KeyError when the center is none."""
        for each in self.parties:
            if each.center_id == center:
                return each
        raise KeyError(center)


def draw_opens_ms(terms: AgreementTerms, bid_deadline_ms: int, evaluation_start_ms: int) -> int:
    """The first moment a draw may start under the agreement, unix milliseconds.

    A center's own rules may be stricter (``node.domain.calendar``); the later one counts.
    """
    anchor = {
        DrawAnchor.BID_DEADLINE: bid_deadline_ms,
        DrawAnchor.EVALUATION_START: evaluation_start_ms,
    }[terms.draw_anchor]
    return anchor - terms.draw_earliest_ms
