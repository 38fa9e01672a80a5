"""A command that is sent twice under one key is carried out once."""

import pytest

from node.api.caller import Caller
from node.api.commands import KEY, MAX_KEY_CHARS, Commands, Key
from node.services.accounts import Role
from node.services.errors import Conflicting, Invalid
from node.services.house import Desk
from tests.support.pair import Center, two_centers

WHO = Caller(Role.AGENCY, "agency-1", "token")


class Counter:
    """A use case that can be counted."""

    def __init__(self, result: object) -> None:
        self.count = 0
        self._result = result

    def __call__(self, desk: Desk) -> object:
        del desk
        self.count += 1
        return self._result


async def _twice(center: Center, first: Key | None, second: Key | None, case: Counter) -> object:
    commands = Commands(center.negotiator)
    KEY.set(first)
    await commands.run(WHO, case)
    KEY.set(second)
    return await commands.run(WHO, case)


@pytest.mark.parametrize("result", [None, b"\x01\x02", "text", 7, True, [b"a", "b", None]])
async def test_the_second_copy_gets_the_first_result(result: object) -> None:
    async with two_centers() as pair:
        case = Counter(result)
        key = Key("k-1", "/api/projects")

        assert await _twice(pair.host, key, key, case) == result
        assert case.count == 1


async def test_without_a_key_everything_is_done_again() -> None:
    async with two_centers() as pair:
        case = Counter(b"x")

        await _twice(pair.host, None, None, case)

        assert case.count == 2


async def test_another_caller_may_use_the_same_key() -> None:
    async with two_centers() as pair:
        case = Counter(b"x")
        KEY.set(Key("k-1", "/api/projects"))
        for who in (WHO, Caller(Role.AGENCY, "agency-2", "token")):
            await Commands(pair.host.negotiator).run(who, case)

        assert case.count == 2


async def test_a_key_is_for_one_path() -> None:
    async with two_centers() as pair:
        with pytest.raises(Conflicting, match="/api/a"):
            await _twice(pair.host, Key("k", "/api/a"), Key("k", "/api/b"), Counter(None))


async def test_a_key_has_a_bounded_length() -> None:
    async with two_centers() as pair:
        key = Key("k" * (MAX_KEY_CHARS + 1), "/api/a")
        with pytest.raises(Invalid, match="Idempotency-Key"):
            await _twice(pair.host, key, key, Counter(None))


async def test_a_command_that_failed_may_be_sent_again() -> None:
    async with two_centers() as pair:
        commands = Commands(pair.host.negotiator)
        KEY.set(Key("k", "/api/a"))

        def fails(_desk: Desk) -> None:
            raise Conflicting("不行", "not now")

        with pytest.raises(Conflicting):
            await commands.run(WHO, fails)
        case = Counter(b"done")

        assert await commands.run(WHO, case) == b"done"
