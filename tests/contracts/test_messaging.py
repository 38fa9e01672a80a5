"""The telephone gateway's contract, for every implementation."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest

from adapters.errors import Rejected, Unreachable
from adapters.messaging.gateway import GatewayMessaging, Polling
from adapters.messaging.port import TEXT_CHARS_MAX, Answer, Messaging
from adapters.messaging.stand_in import SpoolMessaging, read_spool
from federation.evidence import call_record
from federation.trust.suite import INTL_1
from tests.support.gateway import GATEWAY, USUAL
from tests.support.outside import Vendor, connect, free_address, serving

PHONE = "15400000001"
TEXT = "请于明日九时到达评标室, 参加请按1, 不参加请按2"
SCRIPT = (Answer.DECLINE, Answer.NO_ANSWER)
QUICK = Polling(every_s=0.01, at_most_s=1.0)


@dataclass(frozen=True)
class Case:
    port: Messaging
    phones: Callable[[], list[tuple[str, str]]]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=["gateway", "stand_in"])
async def case(
    request: pytest.FixtureRequest, tmp_path: Path, stack: ExitStack
) -> AsyncIterator[Case]:
    if request.param == "gateway":
        vendor = Vendor(answers=SCRIPT, rings=2)
        url = stack.enter_context(serving(vendor.app))
        key = vendor.record_key.public_key().public_bytes_raw()
        gateway = GatewayMessaging(http=connect(url), receipt_keys={"intl-1": key}, polling=QUICK)
        yield Case(gateway, lambda: vendor.phones)
        await gateway.aclose()
    else:
        spool = SpoolMessaging(
            folder=tmp_path,
            answers=SCRIPT,
            recorder=lambda suite, told: GATEWAY.signed(suite, replace(USUAL, **asdict(told))),
            receipt_keys={"intl-1": GATEWAY.receipt_key("intl-1")},
        )
        yield Case(spool, lambda: [(item.phone, item.text) for item in read_spool(tmp_path)])
        await spool.aclose()


async def test_an_invitation_reaches_the_telephone_and_brings_the_answer(case: Case) -> None:
    result = await case.port.invite("draw-1/0", PHONE, TEXT)

    assert result.answer is Answer.DECLINE
    assert result.receipt
    assert case.phones() == [(PHONE, TEXT)]


async def test_the_record_of_a_call_and_of_a_message_count_with_the_pinned_key(
    case: Case,
) -> None:
    key = case.port.receipt_key("intl-1")
    result = await case.port.invite("draw-1/0", PHONE, TEXT, "intl-1")
    record = call_record.check(INTL_1, key, result.receipt)
    assert (record.kind, record.key, record.phone, record.text) == ("call", "draw-1/0", PHONE, TEXT)
    assert (record.answer, record.keys) == (result.answer.value, result.keys)
    sent = call_record.check(INTL_1, key, await case.port.sms("n1", PHONE, TEXT, "intl-1"))
    assert (sent.kind, sent.key, sent.answer) == ("sms", "n1", "")


async def test_without_a_pinned_key_for_the_suite_nothing_counts(case: Case) -> None:
    with pytest.raises(Rejected, match="gm-1"):
        case.port.receipt_key("gm-1")


async def test_each_new_invitation_gets_an_answer_of_its_own(case: Case) -> None:
    answers = [(await case.port.invite(f"k{n}", PHONE, TEXT)).answer for n in range(4)]

    assert answers == [Answer.DECLINE, Answer.NO_ANSWER, Answer.ATTEND, Answer.ATTEND]


async def test_the_same_key_gives_the_same_result_without_a_second_call(case: Case) -> None:
    first = await case.port.invite("draw-1/0", PHONE, TEXT)

    assert await case.port.invite("draw-1/0", PHONE, TEXT) == first
    assert len(case.phones()) == 1


async def test_a_message_is_sent_once_for_each_key(case: Case) -> None:
    first = await case.port.sms("n1", PHONE, TEXT)
    again = await case.port.sms("n1", PHONE, TEXT)
    other = await case.port.sms("n2", PHONE, TEXT)

    assert first == again
    assert first != other
    assert case.phones() == [(PHONE, TEXT)] * 2


async def test_a_call_and_a_message_may_share_a_key(case: Case) -> None:
    await case.port.sms("same", PHONE, TEXT)

    assert (await case.port.invite("same", PHONE, TEXT)).answer is Answer.DECLINE
    assert len(case.phones()) == 2


async def test_a_key_that_comes_back_with_another_text_is_rejected(case: Case) -> None:
    await case.port.invite("k", PHONE, TEXT)
    await case.port.sms("k", PHONE, TEXT)

    with pytest.raises(Rejected):
        await case.port.invite("k", PHONE, "改期")
    with pytest.raises(Rejected):
        await case.port.sms("k", "15400000002", TEXT)
    assert len(case.phones()) == 2


async def test_a_text_out_of_bounds_reaches_nobody(case: Case) -> None:
    for text in ("", "长" * (TEXT_CHARS_MAX + 1)):
        with pytest.raises(ValueError, match="characters"):
            await case.port.invite("k", PHONE, text)
        with pytest.raises(ValueError, match="characters"):
            await case.port.sms("k", PHONE, text)
    assert case.phones() == []


async def test_the_self_test_calls_nobody(case: Case) -> None:
    await case.port.self_test()

    assert case.phones() == []
    assert case.port.stand_in is isinstance(case.port, SpoolMessaging)


async def test_a_call_that_never_ends_is_unreachable_and_its_end_is_heard_later() -> None:
    vendor = Vendor(rings=1_000_000)
    with serving(vendor.app) as url:
        gateway = GatewayMessaging(http=connect(url), polling=Polling(every_s=0.01, at_most_s=0.05))
        with pytest.raises(Unreachable, match="still ringing"):
            await gateway.invite("k", PHONE, TEXT)
        for call in vendor.calls.values():
            call["rings"] = 0
        result = await gateway.invite("k", PHONE, TEXT)
        await gateway.aclose()

    assert result.answer is Answer.ATTEND
    assert len(vendor.phones) == 1


async def test_an_answer_nobody_described_is_rejected() -> None:
    with serving(Vendor(answers=["maybe"], rings=0).app) as url:
        gateway = GatewayMessaging(http=connect(url), polling=QUICK)
        with pytest.raises(Rejected, match="'answer': attend or decline or no_answer"):
            await gateway.invite("k", PHONE, TEXT)
        await gateway.aclose()


async def test_a_state_nobody_described_is_rejected() -> None:
    vendor = Vendor(state="queued")
    with serving(vendor.app) as url:
        gateway = GatewayMessaging(http=connect(url), polling=QUICK)
        with pytest.raises(Rejected, match="'state': ringing or done"):
            await gateway.invite("k", PHONE, TEXT)
        await gateway.aclose()


async def test_a_gateway_that_is_down_is_unreachable() -> None:
    gateway = GatewayMessaging(http=connect(free_address()), polling=QUICK)

    with pytest.raises(Unreachable) as caught:
        await gateway.invite("k", PHONE, TEXT)
    await gateway.aclose()

    assert PHONE not in str(caught.value)
