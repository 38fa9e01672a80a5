"""Shapes of the agreement's routes. Whoever writes TOML sends the file; programs send terms."""

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from federation.protocol.agreement import AgreementTerms, Direction, Party
from federation.protocol.booking import SelectionMode
from federation.protocol.draw import MAX_OUTSIDE
from federation.protocol.terms import (
    DAY_MINUTES,
    DEFAULT_AV_RETENTION_DAYS,
    DEFAULT_HOLD_MS,
    DEFAULT_NOTICE_DAYS,
    DISPUTE_PATH,
    HOUR_MS,
    Contact,
    DataProtection,
    DrawAnchor,
    Drawer,
    FeeRule,
    Fees,
    FeeSchedule,
    InDoubt,
    Payer,
    Settlement,
    SettlementPeriod,
)
from node.api.shapes import (
    EXAMPLE_LONG_ID,
    MAX_EXACT,
    CenterText,
    Count,
    Duration,
    HexText,
    Ms,
    Reason,
    Shape,
)
from node.services.terms_file import MAX_FILE_CHARS

Fen = Annotated[int, Field(ge=-MAX_EXACT, le=MAX_EXACT, description="分 · fen")]
ShortText = Annotated[str, StringConstraints(max_length=255)]
_KEEPS = DataProtection()


class ContactShape(Shape):
    """Whom to call."""

    duty: ShortText = Field(default="", examples=["预约"])
    name: ShortText = Field(examples=["张工"])
    phone: ShortText = Field(examples=["0796-0000000"])


class SideShape(Shape):
    """What one side adds to what its descriptor says."""

    supervisor: ShortText = ""
    contacts: list[ContactShape] = Field(default=[], max_length=16)

    def party(self, known: Party) -> Party:
        """The party with what was added."""
        contacts = tuple(Contact(each.duty, each.name, each.phone) for each in self.contacts)
        return Party(
            known.center_id,
            known.name,
            known.uscc,
            known.region_code,
            self.supervisor,
            contacts,
            known.root_key_ids,
        )


class ScheduleShape(Shape):
    """What one center's experts are paid."""

    center_id: CenterText
    base_fen: Fen
    base_minutes: Count
    step_fen: Fen
    step_minutes: Count
    overnight_fen: Fen = 0


class FeesShape(Shape):
    """Pay of experts and compensation of the sub-venue."""

    rule: FeeRule = FeeRule.HIGHER_OF
    schedules: list[ScheduleShape] = Field(default=[], max_length=2)
    venue_fen: Fen = 0
    payer: Payer = Payer.TENDEREE


class SettlementShape(Shape):
    """When the two sides settle."""

    period: SettlementPeriod = SettlementPeriod.MONTHLY
    pay_within_days: Count = 30


class DataShape(Shape):
    """What of personal data goes to the other side."""

    purpose: ShortText = _KEEPS.purpose
    categories: list[ShortText] = Field(default=list(_KEEPS.categories), max_length=16)
    retention_days: Count = _KEEPS.retention_days


class Terms(Shape):
    """Terms of an agreement; parties are filled in from both descriptors."""

    title: str = Field(examples=["吉安—长乐远程异地评标合作协议"], max_length=200)
    agreement_no: ShortText = ""
    both_directions: bool = Field(
        default=True, description="双方都可作主场 · both may be host; otherwise only we"
    )
    ours: SideShape = SideShape()
    theirs: SideShape = SideShape()
    effective_from_ms: Ms
    effective_until_ms: Ms
    project_kinds: list[ShortText] = Field(default=["A", "B", "C"], max_length=3)
    specialty_prefixes: list[ShortText] = Field(default=[], max_length=256)
    value_from_fen: Fen = 0
    value_until_fen: Fen = 0
    selection_modes: list[SelectionMode] = Field(default=list(SelectionMode), max_length=3)
    max_seats_per_session: Count = 50
    max_experts_per_session: Count = 30
    max_open_bookings: Count = 20
    max_concurrent_sessions: Count = 0
    max_sessions_per_period: Count = 0
    period_days: Count = 0
    opens_minute: Count = 0
    closes_minute: Count = DAY_MINUTES
    open_weekdays: list[Count] = Field(default=[1, 2, 3, 4, 5, 6, 7], max_length=7)
    lead_time_ms: Duration = 0
    vote_ms: Duration = 1_800_000
    decide_ms: Duration = 3_600_000
    hold_ms: Duration = DEFAULT_HOLD_MS
    in_doubt: InDoubt = InDoubt.KEEP_AND_ESCALATE
    cancel_notice_ms: Duration = 0
    cancel_fee_fen: Fen = 0
    drawn_by: Drawer = Drawer.POOL_OWNER
    draw_anchor: DrawAnchor = DrawAnchor.BID_DEADLINE
    draw_earliest_ms: Duration = 43_200_000
    pool_min_age_ms: Duration = 0
    pool_min_ratio: Count = 1
    min_outside_contributors: Count = 0
    outside_contributors: list[ShortText] = Field(default=[], max_length=MAX_OUTSIDE)
    regulator: ShortText = ""
    max_draws_per_expert: Count = 0
    draw_period_days: Count = 0
    sealed_disclosure: bool = True
    fees: FeesShape = FeesShape()
    settlement: SettlementShape = SettlementShape()
    fault_wait_ms: Duration = 2 * HOUR_MS
    fault_repair_ms: Duration = 4 * HOUR_MS
    handover_working_days: Count = 5
    av_retention_days: Count = DEFAULT_AV_RETENTION_DAYS
    joint_test_valid_days: Count = 365
    suite: ShortText = "intl-1"
    data_protection: DataShape = DataShape()
    dispute_path: list[ShortText] = Field(default=list(DISPUTE_PATH), max_length=16)
    notice_days: Count = DEFAULT_NOTICE_DAYS

    def terms(self, ours: Party, theirs: Party) -> AgreementTerms:
        """The protocol's terms between two parties."""
        directions = [Direction(ours.center_id, theirs.center_id)]
        if self.both_directions:
            directions.append(Direction(theirs.center_id, ours.center_id))
        apart = {
            "both_directions", "ours", "theirs", "fees", "settlement", "data_protection",
        }  # fmt: skip
        fees = self.fees
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in self.model_dump(exclude=apart).items()
        }
        return AgreementTerms(
            version=1,
            parties=(self.ours.party(ours), self.theirs.party(theirs)),
            directions=tuple(directions),
            fees=Fees(
                fees.rule,
                tuple(FeeSchedule(**each.model_dump()) for each in fees.schedules),
                fees.venue_fen,
                fees.payer,
            ),
            settlement=Settlement(**self.settlement.model_dump()),
            data_protection=DataProtection(
                self.data_protection.purpose,
                tuple(self.data_protection.categories),
                self.data_protection.retention_days,
            ),
            **plain,
        )


class Document(Shape):
    """Terms, or the text of a file made from the template; one of the two."""

    terms: Terms | None = None
    file: str | None = Field(default=None, max_length=MAX_FILE_CHARS, description="TOML")


class Proposal(Document):
    """An agreement to propose."""

    peer: CenterText


class Notice(Reason):
    """A termination; without a moment the first one that the agreed notice allows."""

    effective_ms: Ms | None = None


class Ending(Shape):
    """When a termination takes effect."""

    effective_ms: Ms


class Signed(Shape):
    """Whether it is signed now, or waits for a second person."""

    signed: bool


class Agreement(Shape):
    """An agreement as it stands."""

    id: HexText = Field(examples=[EXAMPLE_LONG_ID])
    peer: CenterText
    state: str = Field(examples=["ACTIVE"])
    state_zh: str = Field(examples=["生效中"])
    note: str = Field(description="现状的原因 · why it stands as it does")
    proposed_by_us: bool
    signatures: int
    approved_by: list[str] = Field(description="本中心签署人 · who signed here")
    title: str
    agreement_no: str
    version: int
    supersedes: str
    superseded_by: str
    round: int = Field(description="还价次数 · how many counters led to it")
    suite: str
    effective_from_ms: Ms
    effective_until_ms: Ms
    ends_at_ms: Ms | None = None


class Detail(Agreement):
    """An agreement with all of its terms; bytes are hex."""

    terms: dict[str, Any]


def plainly(terms: AgreementTerms) -> dict[str, Any]:
    """Terms as JSON: names of choices, bytes in hex."""
    found: dict[str, Any] = _plain(asdict(terms))
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return value.hex()
    return getattr(value, "name", value)
