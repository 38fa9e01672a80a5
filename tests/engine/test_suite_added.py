"""A center begins to speak a second suite in the middle of conversations of the first."""

from federation.engine.delivery import MAX_BACK_OFF_MS
from federation.trust.keys import RootKey
from federation.trust.suite import GM_1
from tests.engine.test_suites import START, announcement, hold, opened, sizes
from tests.support.identities import FOREVER_MS, follow, identify
from tests.support.pair import Center, two_centers
from tests.support.secret_keys import generate

BOTH = ("intl-1", "gm-1")


def add_gm(center: Center) -> None:
    """What `lianping keys rotate --suite gm-1 --add` and a reload come to."""
    known = center.identity.descriptor
    new = generate(GM_1, center.random.bytes)
    center.secrets["gm-1"] = new
    newest = follow(
        known,
        roots=(*known.roots, RootKey("gm-1", GM_1.public_signing(new.root))),
        keys=(*known.keys, *new.public(0, FOREVER_MS)),
    )
    renewed = identify(newest, center.secrets)
    center.identity.renew(
        [*center.identity.chain, renewed.signed_descriptor],
        newest,
        {each: renewed.face(each) for each in BOTH},
    )


async def test_what_was_begun_goes_on_in_its_suite_and_the_new_one_follows_a_greeting() -> None:
    async with two_centers(suites=("intl-1",), sub_suites=BOTH) as pair:
        held = await opened(pair, hold(pair), under=await pair.agree())
        await pair.settle()
        test = await opened(pair, START)
        add_gm(pair.host)
        fresh = await opened(pair, announcement("experts"))
        assert fresh.conversation.suite == "gm-1"  # by name the first that both have
        await pair.settle()
        assert await pair.sub.phase(held.conversation.id) == "HELD"
        assert await pair.sub.phase(test.conversation.id) == "TESTING"
        assert await pair.sub.phase(fresh.conversation.id) is None  # signed with an unknown key

        await pair.host.greet(pair.sub.id)  # brings the descriptor
        await pair.later(MAX_BACK_OFF_MS)
        assert await pair.sub.phase(fresh.conversation.id) == "ANNOUNCED"
        for center in (pair.sub, pair.host, pair.sub):
            await center.greet(pair.other(center).id)
        for suite_id in BOTH:
            assert all(size == cosigned > 0 for size, cosigned in await sizes(pair, suite_id))
