"""Where there is no outside system, whatever is asked is refused and named, never played."""

from collections.abc import Awaitable

import pytest

from adapters.absent import Absent
from adapters.errors import Rejected


async def test_whatever_is_asked_of_an_absent_system_is_rejected_by_name() -> None:
    absent = Absent("trading")
    asked: list[Awaitable[object]] = [
        absent.self_test(),
        absent.fetch(),
        absent.verify("110101199003070015", "王", b"face"),
        absent.invite("key", "13800000000", "text"),
        absent.sms("key", "13800000000", "text"),
        absent.sign("key", "110101199003070015", bytes(32), b"face"),
        absent.sealing_key("intl-1"),
        absent.deliver_roster("intl-1", "draw", 0, b"", b""),
        absent.open_room("key", "title", ["site"]),
        absent.close_room("room"),
    ]
    for each in asked:
        with pytest.raises(Rejected, match=r"^trading: "):
            await each


async def test_an_absent_system_is_no_stand_in_and_lets_itself_be_closed() -> None:
    absent = Absent("video")
    await absent.aclose()
    assert not absent.stand_in
