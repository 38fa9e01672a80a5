"""What a field of a word may hold: sizes, counts, ranges. One rule for each field name.

A name means the same in the whole vocabulary; where it does not, the class is named too.
A field without a rule is an error of ours, found when the codec is built.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from federation.ids import DIGEST_BYTES, OPAQUE_ID_BYTES, center_id
from federation.protocol import (
    agreement,
    booking,
    draw,
    enforcement,
    oversight,
    peering,
    selection,
    session,
    terms,
)
from federation.trust import keys

MAX_TEXT: Final = 1_000  # a sentence for people, not a document
MAX_NAME: Final = 255  # as long as the longest project name on record
MAX_INT: Final = 2**53 - 1  # exact in every language that reads our JSON
MAX_MOMENT_MS: Final = 4_102_444_800_000  # 2100-01-01 UTC: any calendar can show it to people
MAX_SIGNATURE_BYTES: Final = 80  # Ed25519 has 64, SM2 in DER up to 72; the suite knows
MAX_STRATA: Final = 4_096  # the national specialty list has under 1,000 leaves
MAX_LISTING_BYTES: Final = 480 * 1024  # 15,000 entries; leaves room within a 1 MiB call
MAX_CHECKS: Final = 64
MAX_SHOWN_BYTES: Final = 64 * 1024  # a short word with its signature, or one with six of them in it
MAX_ESCROW_BYTES: Final = 1_024  # 32 sealed bytes, in any suite
MAX_EXCLUDED_BYTES: Final = 16 * 1024  # a few hundred sealed credit codes
MAX_ANNOUNCEMENT_BYTES: Final = 224 * 1024  # MAX_STRATA strata with a signature
MAX_REPORT_BYTES: Final = 2_048  # a Report of an answer, which proves nothing else
MAX_DECISION_BYTES: Final = 8_192  # one short word with its signature and path
MAX_ATTRIBUTE_BYTES: Final = 512  # registry number and name
MAX_DISTINCT_PER_VERDICT: Final = 5
MAX_CERTIFICATE_BYTES: Final = 8_192
MAX_KEY_BYTES: Final = 65  # an SM2 point; each suite knows its own length
MAX_CARRIED_DESCRIPTORS: Final = 64  # in a paper: years of new keys; each proves itself by its root
MAX_SHOWN_DESCRIPTORS: Final = 8  # who is further behind gets the chain as a file
MAX_EXCHANGES: Final = 64  # a page of words with their receipts, as many as a batch
MAX_EXCHANGED_BYTES: Final = 1024 * 1024  # no word was heard that did not fit a call
MAX_NOTES: Final = 32  # each suite's, of some epochs
MAX_NOTE_BYTES: Final = 16 * 1024  # of our own and one other center's signatures
MAX_HEADS: Final = 16  # of other centers' logs in one greeting: some 300 bytes each
BUCKETS: Final = 256  # of conversations, by the last byte of their ids
MAX_LISTED: Final = 8  # buckets in one answer
MAX_HELD: Final = 2_048  # conversations in one answer: below 300 KiB
MAX_CONTACTS: Final = 16
MAX_ROOT_KEYS: Final = 8  # a root key for each suite, and successors
MAX_SPECIALTIES: Final = 256
MAX_CLAUSES: Final = 16  # steps of a dispute, categories of data: what fits one page

_CONTROL: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f"  # C0 and C1: a terminal obeys both
    r"\u2028\u2029"  # ends of lines and paragraphs
    r"\u202a-\u202e\u2066-\u2069"  # what people read would stand in another order than signed
    r"\u200b\u2060-\u2064\ufeff]"  # what people cannot see
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Checks one value, and how many there may be where the field repeats."""

    test: Callable[[Any], str | None]
    at_most: int = 1
    at_least: int = 0

    def check(self, name: str, value: Any) -> None:
        """Raises ValueError with ``name`` and what is wrong."""
        complaint = self.test(value)
        if complaint is not None:
            raise ValueError(f"{name}: {complaint}")

    def check_count(self, name: str, count: int) -> None:
        """Raises ValueError when there are too few or too many."""
        if not self.at_least <= count <= self.at_most:
            raise ValueError(f"{name}: {count} items, not {self.at_least} to {self.at_most}")


def rule_for(class_name: str, field: str) -> Rule:
    """The rule of a field; KeyError is a field that we forgot."""
    return _RULES.get(f"{class_name}.{field}") or _RULES[field]


def _exactly(size: int) -> Callable[[Any], str | None]:
    return lambda value: None if len(value) == size else f"{len(value)} bytes, not {size}"


def _at_most(size: int) -> Callable[[Any], str | None]:
    return lambda value: None if len(value) <= size else f"{len(value)} bytes, more than {size}"


def _or_empty(test: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    return lambda value: test(value) if value else None


def _text(limit: int, *, required: bool) -> Callable[[Any], str | None]:
    def test(value: Any) -> str | None:
        if required and not value.strip():
            return "is required"
        if len(value) > limit:
            return f"{len(value)} characters, more than {limit}"
        return "contains control or invisible characters" if _CONTROL.search(value) else None

    return test


def _number(low: int, high: int) -> Callable[[Any], str | None]:
    return lambda value: None if low <= value <= high else f"{value} is not {low} to {high}"


def _center(value: Any) -> str | None:
    try:
        center_id(value)
    except ValueError as error:
        return str(error)
    return None


def _entries(value: Any) -> str | None:
    if len(value) > MAX_LISTING_BYTES:
        return f"{len(value)} bytes, more than {MAX_LISTING_BYTES}"
    return "is not a row of digests" if len(value) % DIGEST_BYTES or not value else None


def _day(value: Any) -> str | None:
    try:
        exact = date.fromisoformat(value).isoformat() == value
    except ValueError:
        exact = False
    return None if exact else "is not a day as in 2026-05-06"


def _flag(_value: Any) -> str | None:
    return None


_DIGEST: Final = _exactly(DIGEST_BYTES)
_ID: Final = _exactly(OPAQUE_ID_BYTES)
_COUNT: Final = _number(0, MAX_INT)
_SMALL: Final = _number(0, 1_000_000)
_MOMENT: Final = _number(1, MAX_MOMENT_MS)
_NAME: Final = _text(MAX_NAME, required=True)
_NOTE: Final = _text(MAX_TEXT, required=False)

_RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        # identities and digests
        "center_id": Rule(_center),
        "host": Rule(_center),
        "sub": Rule(_center),
        "participants": Rule(_center, at_most=booking.MAX_PARTICIPANTS, at_least=1),
        "contributors": Rule(_center, at_most=8, at_least=2),
        "bundle_id": Rule(_ID),
        "change_id": Rule(_ID),
        "DecisionQuestion.change_id": Rule(_or_empty(_ID)),
        "DecisionAnswer.envelopes": Rule(
            _at_most(MAX_DECISION_BYTES), at_most=booking.MAX_PARTICIPANTS
        ),
        "booking_id": Rule(_ID),
        "session_id": Rule(_ID),
        "draw_ids": Rule(_ID, at_most=32, at_least=1),
        "root": Rule(_DIGEST),
        "document_digest": Rule(_DIGEST),
        "agreement_digest": Rule(_DIGEST),
        "supersedes": Rule(_or_empty(_DIGEST)),
        "root_key_ids": Rule(_ID, at_most=MAX_ROOT_KEYS),
        "audit_digest": Rule(_or_empty(_DIGEST)),
        "exclusion_commitment": Rule(_or_empty(_DIGEST)),
        "commitment": Rule(_DIGEST),
        "entry": Rule(_DIGEST),
        "previous_step": Rule(_DIGEST),
        "evidence": Rule(_DIGEST),
        "list_commitment": Rule(_DIGEST),
        "sealed_digest": Rule(_DIGEST),
        "head": Rule(_DIGEST),
        "member": Rule(_DIGEST),
        "Start.members": Rule(_DIGEST, at_most=session.MAX_MEMBERS, at_least=1),
        "voter": Rule(_DIGEST),
        "candidate": Rule(_DIGEST),
        "chair": Rule(_DIGEST),
        "report_digest": Rule(_DIGEST),
        "signature_digest": Rule(_DIGEST),
        "manifest_digest": Rule(_DIGEST),
        "digest": Rule(_DIGEST),
        "digests": Rule(_DIGEST, at_most=MAX_DISTINCT_PER_VERDICT, at_least=5),
        "salt": Rule(_DIGEST),
        "signature": Rule(_at_most(MAX_SIGNATURE_BYTES)),
        "key_id": Rule(_ID),
        "Propose.signatures": Rule(_flag, at_most=agreement.MAX_SIGNATURES, at_least=1),
        "Counter.signatures": Rule(_flag, at_most=agreement.MAX_SIGNATURES, at_least=1),
        "Sign.signatures": Rule(_flag, at_most=agreement.MAX_SIGNATURES, at_least=1),
        "round": Rule(_number(1, 1_000)),
        "side": Rule(_flag),
        "effective_ms": Rule(_MOMENT),
        "value": Rule(_DIGEST),
        "Opening.value": Rule(_at_most(MAX_ATTRIBUTE_BYTES)),
        "document": Rule(_at_most(agreement.MAX_DOCUMENT_BYTES)),
        "entries": Rule(_entries),
        # names and sentences
        "name": Rule(_NAME),
        "title": Rule(_NAME),
        "specialty": Rule(_text(16, required=True)),
        "pool": Rule(_NAME),
        "epoch": Rule(_NAME),
        "lot_code": Rule(_NAME),
        "project_name": Rule(_NAME),
        "attribute": Rule(_text(16, required=True)),
        "retention": Rule(_text(16, required=True)),
        "phase": Rule(_text(32, required=True)),
        "suite": Rule(_text(16, required=True)),
        "project_kind": Rule(_text(1, required=True)),
        "project_kinds": Rule(_text(1, required=True), at_most=3, at_least=1),
        "agreement_no": Rule(_text(64, required=False)),
        "specialty_prefixes": Rule(_text(16, required=True), at_most=MAX_SPECIALTIES),
        "supervisor": Rule(_text(MAX_NAME, required=False)),
        "duty": Rule(_text(32, required=False)),
        "phone": Rule(_text(32, required=True)),
        "purpose": Rule(_NAME),
        "categories": Rule(_NAME, at_most=MAX_CLAUSES, at_least=1),
        "dispute_path": Rule(_NAME, at_most=MAX_CLAUSES, at_least=1),
        "equipment": Rule(_text(32, required=True), at_most=booking.MAX_EQUIPMENT),
        "uscc": Rule(_text(18, required=False)),
        "region_code": Rule(_text(12, required=False)),
        "measured": Rule(_NOTE),
        "reason": Rule(_NOTE),
        "detail": Rule(_NOTE),
        "note": Rule(_NOTE),
        # lists of messages
        "parties": Rule(_flag, at_most=2, at_least=2),
        "directions": Rule(_flag, at_most=2, at_least=1),
        "contacts": Rule(_flag, at_most=MAX_CONTACTS),
        "schedules": Rule(_flag, at_most=2),
        "fees": Rule(_flag),
        "settlement": Rule(_flag),
        "data_protection": Rule(_flag),
        "checks": Rule(_flag, at_most=MAX_CHECKS, at_least=1),
        "strata": Rule(_flag, at_most=MAX_STRATA, at_least=1),
        "experts": Rule(_flag, at_most=draw.MAX_SLOTS),
        "slots": Rule(_flag, at_most=draw.MAX_SLOTS, at_least=1),
        "listings": Rule(_flag, at_most=draw.MAX_SLOTS, at_least=1),
        "openings": Rule(_flag, at_most=MAX_DISTINCT_PER_VERDICT, at_least=1),
        "items": Rule(_flag, at_most=session.MAX_ARCHIVE_ITEMS, at_least=1),
        # choices and flags
        "answer": Rule(_flag),
        "moment": Rule(_flag),
        "ready": Rule(_flag),
        "by_law": Rule(_flag),
        "clause": Rule(_text(64, required=False)),
        "decision": Rule(_flag),
        "selection": Rule(_flag),
        "ruling": Rule(_flag),
        "response": Rule(_flag),
        "draw_anchor": Rule(_flag),
        "drawn_by": Rule(_flag),
        "in_doubt": Rule(_flag),
        "rule": Rule(_flag),
        "payer": Rule(_flag),
        "period": Rule(_flag),
        "selection_modes": Rule(_flag, at_most=3, at_least=1),
        "passed": Rule(_flag),
        "overnight": Rule(_flag),
        "sealed_disclosure": Rule(_flag),
        # numbers
        "version": Rule(_number(1, 1_000_000)),
        "size": Rule(_COUNT),
        "count": Rule(_number(1, draw.MAX_PER_SLOT)),
        "seats": Rule(_number(1, agreement.MAX_SEATS)),
        "max_seats_per_session": Rule(_SMALL),
        "max_open_bookings": Rule(_SMALL),
        "max_experts_per_session": Rule(_SMALL),
        "max_concurrent_sessions": Rule(_SMALL),
        "max_sessions_per_period": Rule(_SMALL),
        "period_days": Rule(_SMALL),
        "opens_minute": Rule(_number(0, terms.DAY_MINUTES)),
        "closes_minute": Rule(_number(0, terms.DAY_MINUTES)),
        "open_weekdays": Rule(_number(1, 7), at_most=7, at_least=1),
        "value_from_fen": Rule(_COUNT),
        "value_until_fen": Rule(_COUNT),
        "cancel_fee_fen": Rule(_COUNT),
        "base_fen": Rule(_COUNT),
        "step_fen": Rule(_COUNT),
        "overnight_fen": Rule(_COUNT),
        "venue_fen": Rule(_COUNT),
        "base_minutes": Rule(_SMALL),
        "step_minutes": Rule(_SMALL),
        "pay_within_days": Rule(_SMALL),
        "retention_days": Rule(_SMALL),
        "av_retention_days": Rule(_SMALL),
        "notice_days": Rule(_SMALL),
        "pool_min_ratio": Rule(_SMALL),
        "min_outside_contributors": Rule(_SMALL),
        "max_draws_per_expert": Rule(_SMALL),
        "draw_period_days": Rule(_SMALL),
        "joint_test_valid_days": Rule(_SMALL),
        "handover_working_days": Rule(_SMALL),
        "sequence": Rule(_number(1, 1_000_000)),
        "knows_sequence": Rule(_COUNT),
        "step": Rule(_number(0, draw.MAX_STEPS)),
        "slot": Rule(_number(0, draw.MAX_SLOTS - 1)),
        "rank": Rule(_SMALL),
        "missing": Rule(_SMALL),
        # a joint test
        "test_id": Rule(_ID),
        "tester": Rule(_center),
        "tested": Rule(_center),
        "tested_agreement_digest": Rule(_DIGEST),
        "tester_checks": Rule(_flag, at_most=MAX_CHECKS, at_least=1),
        "tested_checks": Rule(_flag, at_most=MAX_CHECKS, at_least=1),
        "rehearsals": Rule(_flag, at_most=MAX_CHECKS, at_least=1),
        "started_at_ms": Rule(_MOMENT),
        "ended_at_ms": Rule(_MOMENT),
        # a lottery of sub-venues
        "selection_id": Rule(_ID),
        "Hold.selection_id": Rule(_or_empty(_ID)),
        "attempt": Rule(_number(1, selection.MAX_ATTEMPTS)),
        "candidates": Rule(
            _center, at_most=selection.MAX_CANDIDATES, at_least=selection.MIN_CANDIDATES
        ),
        "places": Rule(_flag, at_most=selection.MAX_PLACES, at_least=1),
        "entrants": Rule(_flag, at_most=selection.MAX_CANDIDATES, at_least=1),
        "absent": Rule(_center, at_most=selection.MAX_CANDIDATES),
        "at_fault": Rule(_center, at_most=selection.MAX_CANDIDATES),
        "values": Rule(_DIGEST, at_most=selection.MAX_CANDIDATES, at_least=1),
        "order": Rule(_center, at_most=selection.MAX_CANDIDATES, at_least=1),
        # values from outside, escrow, oversight
        "draw_id": Rule(_ID),
        "outside": Rule(_at_most(MAX_DECISION_BYTES), at_most=draw.MAX_OUTSIDE),
        "escrow": Rule(_at_most(MAX_ESCROW_BYTES)),
        "exclusion_sealed": Rule(_at_most(MAX_EXCLUDED_BYTES)),
        "Open.supersedes": Rule(_or_empty(_ID)),
        "RequestDraw.supersedes": Rule(_or_empty(_ID)),
        "permit": Rule(_at_most(MAX_DECISION_BYTES)),
        "proof": Rule(_at_most(MAX_DECISION_BYTES)),
        "silent": Rule(_center, at_most=draw.MAX_OUTSIDE),
        "unsealed": Rule(_at_most(MAX_DECISION_BYTES)),
        "opening": Rule(_at_most(MAX_SHOWN_BYTES)),
        "commit": Rule(_at_most(MAX_SHOWN_BYTES)),
        "commits": Rule(_at_most(MAX_SHOWN_BYTES), at_most=2, at_least=2),
        "reveal": Rule(_at_most(MAX_SHOWN_BYTES)),
        "open_hash": Rule(_DIGEST),
        "evaluation_id": Rule(_DIGEST),
        "officers": Rule(_DIGEST, at_most=oversight.MAX_OFFICERS, at_least=oversight.MIN_OFFICERS),
        "draws": Rule(_flag, at_most=draw.MAX_SLOTS, at_least=1),
        "Drawn.entries": Rule(_DIGEST, at_most=session.MAX_MEMBERS),
        "sealed": Rule(_at_most(oversight.MAX_SEALED_BYTES)),
        "recused": Rule(_DIGEST, at_most=session.MAX_MEMBERS),
        "act": Rule(_flag),
        "subject": Rule(_DIGEST),
        "announcement": Rule(_at_most(MAX_ANNOUNCEMENT_BYTES)),
        "reports": Rule(_at_most(MAX_REPORT_BYTES), at_most=oversight.MAX_REPORTS, at_least=1),
        "ending": Rule(_at_most(MAX_SHOWN_BYTES)),
        "percent": Rule(_number(1, 100)),
        "AskRecords.entries": Rule(_DIGEST, at_most=oversight.MAX_RECORDS, at_least=1),
        "AskRecords.value": Rule(_DIGEST),
        "finding": Rule(_flag),
        "wrong": Rule(_flag),
        "gateway_key": Rule(_at_most(MAX_KEY_BYTES)),
        "left": Rule(_DIGEST, at_most=session.MAX_MEMBERS, at_least=1),
        "outside_contributors": Rule(_center, at_most=draw.MAX_OUTSIDE),
        "regulator": Rule(_or_empty(_center)),
        # a statement of usage
        "usage": Rule(_flag),
        "day": Rule(_day),
        "bookings_held": Rule(_SMALL),
        "bookings_confirmed": Rule(_SMALL),
        "Usage.seats": Rule(_SMALL),
        "bookings_completed": Rule(_SMALL),
        "Usage.experts": Rule(_SMALL),
        "words": Rule(_flag, at_most=peering.MAX_USAGE_WORDS),
        "word": Rule(_DIGEST),
        "stage": Rule(_flag),
        "revision": Rule(_number(1, 1_000)),
        "members": Rule(_SMALL),
        "present": Rule(_SMALL),
        "representatives": Rule(_number(0, session.MAX_MEMBERS)),
        "host_experts": Rule(_number(0, session.MAX_MEMBERS)),
        "sub_experts": Rule(_number(0, session.MAX_MEMBERS)),
        "value_wan": Rule(_number(0, terms.MAX_FEN // enforcement.FEN_PER_WAN)),
        "votes": Rule(_SMALL),
        "cast": Rule(_SMALL),
        "signatures": Rule(_SMALL),
        "start_ms": Rule(_MOMENT),
        "end_ms": Rule(_MOMENT),
        "at_ms": Rule(_MOMENT),
        "valid_from_ms": Rule(_MOMENT),
        "valid_until_ms": Rule(_MOMENT),
        "effective_from_ms": Rule(_MOMENT),
        "effective_until_ms": Rule(_MOMENT),
        "bid_deadline_ms": Rule(_MOMENT),
        "evaluation_start_ms": Rule(_MOMENT),
        "made_at_ms": Rule(_number(0, MAX_MOMENT_MS)),
        "alternative_start_ms": Rule(_number(0, MAX_MOMENT_MS)),
        "promise_ms": Rule(_COUNT),
        "lead_time_ms": Rule(_COUNT),
        "vote_ms": Rule(_COUNT),
        "decide_ms": Rule(_COUNT),
        "hold_ms": Rule(_COUNT),
        "cancel_notice_ms": Rule(_COUNT),
        "fault_wait_ms": Rule(_COUNT),
        "fault_repair_ms": Rule(_COUNT),
        "draw_earliest_ms": Rule(_COUNT),
        "pool_min_age_ms": Rule(_COUNT),
        # invitations: files, so a chain of descriptors fits as one call's words do not
        "invitation_id": Rule(_ID),
        "invitation_digest": Rule(_DIGEST),
        "descriptors": Rule(_at_most(65_536), at_most=MAX_CARRIED_DESCRIPTORS, at_least=1),
        "meant_for": Rule(_text(MAX_NAME, required=False)),
        "expires_at_ms": Rule(_MOMENT),
        "secret": Rule(_DIGEST),
        "nonce": Rule(_DIGEST),
        # a node's descriptor
        "roots": Rule(_flag, at_most=keys.MAX_ROOTS, at_least=1),
        "previous": Rule(_or_empty(_DIGEST)),
        "keys": Rule(_flag, at_most=keys.MAX_KEYS, at_least=1),
        "key": Rule(_at_most(MAX_KEY_BYTES)),
        "PublicKey.purpose": Rule(_flag),
        "not_before_ms": Rule(_number(0, MAX_MOMENT_MS)),
        "not_after_ms": Rule(_MOMENT),
        "revoked": Rule(_flag, at_most=keys.MAX_REVOKED),
        "compromised_since_ms": Rule(_number(0, MAX_MOMENT_MS)),
        "SignedDescriptor.signatures": Rule(_flag, at_most=keys.MAX_ROOTS, at_least=1),
        "log_epoch": Rule(_SMALL),
        "log_begins": Rule(_flag, at_most=keys.MAX_ROOTS),
        "LogBegin.size": Rule(_number(1, MAX_INT)),
        "address": Rule(_NAME),
        "tls_certificates": Rule(
            _at_most(MAX_CERTIFICATE_BYTES), at_most=keys.MAX_CERTIFICATES, at_least=1
        ),
        # questions and answers
        "free_seats": Rule(_SMALL),
        "seat_kind": Rule(_text(16, required=False)),
        "specialties": Rule(_text(16, required=True), at_most=draw.MAX_SLOTS),
        "valid_for_ms": Rule(_COUNT),
        "next_start_ms": Rule(_number(0, MAX_MOMENT_MS)),
        "offers": Rule(_flag, at_most=64),
        "free": Rule(_SMALL),
        "about": Rule(_SMALL),
        "as_of_ms": Rule(_MOMENT),
        "after": Rule(_COUNT),
        "envelope_hashes": Rule(_DIGEST, at_most=2_048, at_least=1),
        "envelope_hash": Rule(_DIGEST),
        "index": Rule(_COUNT),
        "InclusionAnswer.items": Rule(_flag, at_most=2_048),
        "Inclusion.entry": Rule(_at_most(1_024)),
        "path": Rule(_DIGEST, at_most=64),
        "ConsistencyQuestion.size": Rule(_number(1, MAX_INT)),
        "others": Rule(_number(1, MAX_INT), at_most=MAX_HEADS, at_least=1),
        "other": Rule(_number(1, MAX_INT)),
        "proofs": Rule(_flag, at_most=MAX_HEADS),
        "leaves": Rule(_COUNT),
        "Consistency.proof": Rule(_DIGEST, at_most=64),
        "checkpoint": Rule(_at_most(65_536)),
        "conversation_id": Rule(_ID),
        "ConversationAnswer.phase": Rule(_text(32, required=False)),
        "said": Rule(_COUNT),
        "heard": Rule(_COUNT),
        "remaining_ms": Rule(_COUNT),
        # words that are given back, and digests
        "heard_after": Rule(_COUNT),
        "said_after": Rule(_COUNT),
        "since_ms": Rule(_number(0, MAX_MOMENT_MS)),
        "exchanges": Rule(_flag, at_most=MAX_EXCHANGES),
        "Exchange.word": Rule(_at_most(MAX_EXCHANGED_BYTES)),
        "Exchange.receipt": Rule(_at_most(MAX_EXCHANGED_BYTES)),
        "heard_to": Rule(_COUNT),
        "said_to": Rule(_COUNT),
        "more": Rule(_flag),
        "yours": Rule(_at_most(MAX_NOTE_BYTES), at_most=MAX_NOTES),
        "mine": Rule(_at_most(MAX_NOTE_BYTES), at_most=MAX_NOTES),
        "listed": Rule(_number(0, BUCKETS - 1), at_most=MAX_LISTED),
        "buckets": Rule(_DIGEST, at_most=BUCKETS, at_least=BUCKETS),
        "held": Rule(_flag, at_most=MAX_HELD),
        "said_hash": Rule(_or_empty(_DIGEST)),
        "heard_hash": Rule(_or_empty(_DIGEST)),
        # greetings
        "protocol": Rule(_SMALL),
        "Greeting.name": Rule(_text(MAX_NAME, required=False)),
        "software": Rule(_text(64, required=False)),
        "clock_ms": Rule(_MOMENT),
        "words_said": Rule(_COUNT),
        "words_heard": Rule(_COUNT),
        "Greeting.descriptors": Rule(_at_most(65_536), at_most=MAX_SHOWN_DESCRIPTORS),
        "descriptor": Rule(_at_most(65_536)),
    }
)
