"""The face verification's contract, for every implementation."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest

from adapters.errors import Unreachable
from adapters.identity.port import FACE_BYTES_MAX, Identity
from adapters.identity.rest import RestIdentity
from adapters.identity.stand_in import StandInIdentity, sample_of
from tests.support.outside import Vendor, connect, free_address, serving

ID_NUMBER = "11010519491231002X"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=["rest", "stand_in"])
async def identity(request: pytest.FixtureRequest, stack: ExitStack) -> AsyncIterator[Identity]:
    port: Identity
    if request.param == "rest":
        port = RestIdentity(http=connect(stack.enter_context(serving(Vendor().app))))
    else:
        port = StandInIdentity()
    yield port
    await port.aclose()


async def test_the_right_face_passes_and_another_does_not(identity: Identity) -> None:
    right = await identity.verify(ID_NUMBER, "王伟", sample_of(ID_NUMBER))
    wrong = await identity.verify(ID_NUMBER, "王伟", b"face:somebody else")

    assert right.passed
    assert not wrong.passed
    assert right.reference
    assert ID_NUMBER not in right.reference


async def test_a_sample_out_of_bounds_is_our_own_mistake(identity: Identity) -> None:
    for face in (b"", bytes(FACE_BYTES_MAX + 1)):
        with pytest.raises(ValueError, match="face sample"):
            await identity.verify(ID_NUMBER, "王伟", face)


async def test_the_self_test_passes(identity: Identity) -> None:
    await identity.self_test()

    assert identity.stand_in is isinstance(identity, StandInIdentity)


async def test_a_service_that_is_down_is_unreachable_and_the_message_names_nobody() -> None:
    port = RestIdentity(http=connect(free_address()))

    with pytest.raises(Unreachable) as caught:
        await port.verify(ID_NUMBER, "王伟", b"face")
    await port.aclose()

    assert ID_NUMBER not in str(caught.value)
    assert "王伟" not in str(caught.value)


async def test_references_of_the_stand_in_come_from_where_wiring_says() -> None:
    port = StandInIdentity(token=iter(["a", "b"]).__next__)

    first = await port.verify(ID_NUMBER, "王伟", b"face")
    second = await port.verify(ID_NUMBER, "王伟", b"face")

    assert (first.reference, second.reference) == ("SI-a", "SI-b")
