"""The video platform's contract, for every implementation."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from adapters.errors import Rejected, Unreachable
from adapters.video.port import SITES_MAX, Video
from adapters.video.rest import RestVideo
from adapters.video.stand_in import FolderVideo
from tests.support.outside import Vendor, connect, free_address, serving

SITES = ("长乐 301", "吉安 201")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=["rest", "stand_in"])
async def video(
    request: pytest.FixtureRequest, stack: ExitStack, tmp_path: Path
) -> AsyncIterator[Video]:
    port: Video
    if request.param == "rest":
        port = RestVideo(http=connect(stack.enter_context(serving(Vendor().app))))
    else:
        port = FolderVideo(folder=tmp_path)
    yield port
    await port.aclose()


async def test_each_site_gets_an_entrance_of_its_own(video: Video) -> None:
    room = await video.open_room("session-1", "评标 1", SITES)

    assert room.room_id
    assert len(set(room.join_urls)) == 2


async def test_the_same_key_gives_the_same_room(video: Video) -> None:
    first = await video.open_room("session-1", "评标 1", SITES)

    assert await video.open_room("session-1", "评标 1", SITES) == first
    assert (await video.open_room("session-2", "评标 1", SITES)).room_id != first.room_id


async def test_a_key_that_comes_back_with_other_sites_is_rejected(video: Video) -> None:
    await video.open_room("session-1", "评标 1", SITES)

    with pytest.raises(Rejected):
        await video.open_room("session-1", "评标 1", SITES[:1])


async def test_closing_gives_the_recording_and_closing_again_the_same(video: Video) -> None:
    room = await video.open_room("session-1", "评标 1", SITES)

    recording = await video.close_room(room.room_id)

    assert len(recording.sha256) == 32
    assert recording.size_bytes > 0
    assert recording.location
    assert await video.close_room(room.room_id) == recording


@pytest.mark.parametrize("room_id", ["no such room", "../recordings/x", "a/b"])
async def test_a_room_that_was_never_opened_cannot_be_closed(video: Video, room_id: str) -> None:
    with pytest.raises(Rejected):
        await video.close_room(room_id)


async def test_sites_out_of_bounds_are_our_own_mistake(video: Video) -> None:
    for sites in ((), ("a", "a"), ("",), tuple(map(str, range(SITES_MAX + 1)))):
        with pytest.raises(ValueError, match="different sites"):
            await video.open_room("k", "评标", sites)


async def test_the_self_test_passes(video: Video) -> None:
    await video.self_test()

    assert video.stand_in is isinstance(video, FolderVideo)


async def test_a_platform_that_is_down_is_unreachable() -> None:
    port = RestVideo(http=connect(free_address()))

    with pytest.raises(Unreachable):
        await port.open_room("k", "评标", SITES)
    await port.aclose()


async def test_the_digest_of_the_stand_in_is_that_of_a_real_file(tmp_path: Path) -> None:
    port = FolderVideo(folder=tmp_path)
    room = await port.open_room("session-1", "评标 1", SITES)

    recording = await port.close_room(room.room_id)

    (manifest,) = (tmp_path / "recordings").iterdir()
    content = manifest.read_bytes()
    assert recording.location == str(manifest)
    assert hashlib.sha256(content).digest() == recording.sha256
    assert len(content) == recording.size_bytes
