"""One sample of every word case, with plausible contents."""

from typing import Final

from federation.protocol import (
    agreement,
    booking,
    contribution,
    draw,
    oversight,
    peering,
    selection,
    session,
)
from federation.protocol.conversation import Word

DIGEST: Final = bytes(32)
ID: Final = bytes(16)
SIGNATURE: Final = agreement.DocumentSignature("intl-1", ID, bytes(64))

AGREEMENT: Final[tuple[Word, ...]] = (
    agreement.Propose(document=b"terms", signatures=(SIGNATURE,)),
    agreement.Counter(document=b"other terms", signatures=(SIGNATURE,), round=1),
    agreement.Sign(document_digest=DIGEST, signatures=(SIGNATURE,)),
    agreement.Decline(reason="not this year"),
    agreement.Withdraw(reason="a mistake in a date"),
    agreement.SuspendAgreement(agreement.Side.PROPOSER, reason="moving house"),
    agreement.SuspendAgreement(agreement.Side.ANSWERER, reason="an incident"),
    agreement.ResumeAgreement(agreement.Side.PROPOSER, reason="moved"),
    agreement.ResumeAgreement(agreement.Side.ANSWERER, reason="mended"),
    agreement.Terminate(effective_ms=2, reason="a new law"),
)

USAGE: Final = peering.Usage(
    bookings_held=2,
    bookings_confirmed=1,
    bookings_completed=1,
    seats=6,
    experts=4,
    words=(peering.UsedWord(ID, peering.Stage.HELD, DIGEST),),
)
PEERING: Final[tuple[Word, ...]] = (
    peering.StartTest(DIGEST, (booking.Check("clock_skew", passed=True, measured="12 ms"),)),
    peering.ReportTest(DIGEST, (booking.Check("clock_skew", passed=True, measured="9 ms"),)),
    peering.RehearseHold(1, 2, seats=1, equipment=(), overnight=False),
    peering.RehearseVote(booking.Answer.YES),
    peering.RehearseDecide(booking.Decision.CONFIRM),
    peering.RehearseCommit(DIGEST, DIGEST),
    peering.RehearseReveal(DIGEST),
    peering.ConcludeTest(passed=True, value=DIGEST, document=b"report", signature=bytes(64)),
    peering.CountersignTest(bytes(64)),
    peering.ContestTest("another order", document=b"report", signature=bytes(64)),
    peering.AnnouncePool(
        pool="fuzhou",
        epoch="2026-05-06",
        strata=(peering.Stratum("A08", 3, DIGEST),),
        root=DIGEST,
        audit_digest=DIGEST,
        valid_from_ms=1,
        valid_until_ms=2,
    ),
    peering.StateUsage(DIGEST, "2026-05-06", USAGE),
    peering.AgreeUsage(USAGE),
    peering.DisputeUsage(USAGE, reason="one booking more"),
)

HOLD: Final = booking.Hold(
    bundle_id=ID,
    participants=("lp1" + "a" * 32,),
    start_ms=1,
    end_ms=2,
    seats=3,
    equipment=(),
    overnight=False,
    project_kind="A",
    experts=(booking.ExpertNeed("A08", 2),),
    selection=booking.SelectionMode.CHOSEN,
)
YES: Final = booking.Vote(booking.Answer.YES)
NO: Final = booking.Vote(booking.Answer.NO, reason="repairs", alternative_start_ms=9)
CONFIRM: Final = booking.Decide(ID, booking.Decision.CONFIRM)
ABORT: Final = booking.Decide(ID, booking.Decision.ABORT, reason="a sub-venue said no")
COMPLETE: Final = booking.Complete(ID)

BOOK: Final = booking.Vote(booking.Answer.BOOK)

BOOKING: Final[tuple[Word, ...]] = (
    HOLD, YES, NO, BOOK, CONFIRM, ABORT, COMPLETE,
    booking.Move(ID, 3, 4, reason="the opening was put off"),
    booking.Extend(ID, 5, reason="more than a third ask for it", by_law=True),
    booking.Consent(ID, booking.Answer.YES),
    booking.Consent(ID, booking.Answer.NO, reason="taken", clause="", alternative_start_ms=9),
    booking.Settle(ID, booking.Decision.CONFIRM),
    booking.Settle(ID, booking.Decision.ABORT, reason="a sub-venue said no"),
    booking.Cancel(reason="the tender was withdrawn"),
    booking.Substitute(reason="a leaking pipe"),
    booking.Readiness(
        booking.Moment.DAY_BEFORE, ready=True, checks=(booking.Check("video", True, "40 ms"),)
    ),
)  # fmt: skip

SLOTS: Final = (draw.Slot("A08", 2),)

DRAW: Final[tuple[Word, ...]] = (
    draw.RequestDraw(ID, "fuzhou", "2026-05-06", SLOTS, 1, 2),
    draw.Open(ID, 1, "fuzhou", "2026-05-06", DIGEST, SLOTS, ("owner", "sealer"), 1, 2),
    draw.AcceptDraw((draw.Listing("A08", DIGEST),)),
    draw.Commit(DIGEST),
    draw.Reveal(DIGEST),
    draw.Next(0, 0, 0, DIGEST, DIGEST),
    draw.Verdict(DIGEST, draw.Ruling.INVITE, (DIGEST,) * 5, (), DIGEST),
    draw.Verdict(DIGEST, draw.Ruling.SKIP_LINK, (DIGEST,) * 5, (), DIGEST),
    draw.Report(DIGEST, draw.Response.ACCEPT, DIGEST, DIGEST),
    draw.Report(DIGEST, draw.Response.LEAVE, DIGEST, DIGEST),
    draw.Shortfall(slot=0, missing=1),
    draw.Result(DIGEST, DIGEST, 1, 2),
    draw.Close(DIGEST, DIGEST),
    draw.Fault("ASKED", "no verdict within half an hour"),
    draw.Rescue(b"an envelope"),
    draw.Proceed(0, 0, 0, DIGEST, DIGEST),
    draw.Conclude(DIGEST),
)

CENTERS: Final = ("lp1" + "a" * 32, "lp1" + "b" * 32)
SELECTION: Final[tuple[Word, ...]] = (
    selection.Invite(
        selection_id=ID,
        attempt=1,
        candidates=CENTERS,
        selection=booking.SelectionMode.BLIND,
        start_ms=1,
        end_ms=2,
        project_kind="A",
        places=(selection.Place(3, (), overnight=False, experts=HOLD.experts),),
        commitment=DIGEST,
    ),
    selection.Enter(DIGEST),
    selection.Pass("no seats are free"),
    selection.Gather((selection.Entrant(CENTERS[0], DIGEST),), CENTERS[1:]),
    selection.Disclose(DIGEST),
    selection.Rank(DIGEST, (DIGEST,), CENTERS[:1]),
    selection.Abandon("GATHERED", CENTERS[:1], "a value did not come"),
)

SESSION: Final[tuple[Word, ...]] = (
    session.Convene(ID, (ID,), 1, 2, 1, 2, 2),
    session.CheckIn(DIGEST, 1),
    session.Ready(present=2),
    session.Start("LOT-1", "A bridge", (DIGEST,)),
    session.Ballot(DIGEST, DIGEST),
    session.Elect(DIGEST, 3, 5),
    session.Present(DIGEST),
    session.SignReport(DIGEST, DIGEST, DIGEST),
    session.Suspend("a power cut"),
    session.Resume(),
    session.Finish(DIGEST, 5),
    session.HandOver((session.ArchiveItem("report", DIGEST, 1, "15y"),)),
    session.Receive(DIGEST),
    session.Replace((DIGEST,), reason="a recusal found at the seat"),
)

CONTRIBUTION: Final[tuple[Word, ...]] = (
    contribution.AskValue(ID, b"an envelope"),
    contribution.Pledge(DIGEST),
    contribution.PassValue("of another suite"),
    contribution.Bind((b"one envelope", b"another")),
    contribution.Contribute(DIGEST),
    contribution.Account(b"an envelope"),
    contribution.Release("the draw is void"),
)

OVERSIGHT: Final[tuple[Word, ...]] = (
    oversight.AskPermit(ID, b"an envelope", reason="nobody was left"),
    oversight.Permit(ID, (DIGEST, bytes([1]) * 32), DIGEST),
    oversight.DenyRequest("no grounds"),
    oversight.AskUnseal(ID, b"an envelope", b"another", reason="silent for a day"),
    oversight.Unseal(ID, DIGEST, (DIGEST, bytes([1]) * 32)),
    oversight.SubmitBidders(ID, (oversight.Drawn(ID, (DIGEST,)),), DIGEST, b"sealed", DIGEST),
    oversight.SubmitEmployers(ID, b"sealed"),
    oversight.Recuse(ID, (DIGEST,)),
    oversight.StateAct(oversight.Act.OPEN_POOL, DIGEST, "a complaint", (DIGEST, bytes([1]) * 32)),
    oversight.SubmitReports(ID, b"an envelope", b"another", (b"a third",), b"a fourth"),
    oversight.AskRecords(ID, DIGEST, 10, (DIGEST,), b"an envelope"),
    oversight.ProduceRecords(ID, b"sealed"),
    oversight.FaultRecord(ID, DIGEST, oversight.Wrong.NOT_SIGNED),
    oversight.StateCallBack(ID, DIGEST, oversight.Finding.MISMATCH, (DIGEST, bytes([1]) * 32)),
)
