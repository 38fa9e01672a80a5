"""Words under an agreement that is not theirs: another one, another pair's, one of two nodes."""

from dataclasses import replace

from federation.ids import AgreementId
from federation.protocol.agreement import Party
from federation.protocol.booking import Decide, Decision
from tests.support.liar import Liar
from tests.support.pair import two_centers
from tests.support.plain import ID, hold

TALK = bytes(range(16))


async def test_a_conversation_does_not_change_its_agreement() -> None:
    async with two_centers() as pair:
        agreement, other = await pair.agree(), await pair.agree(title="另一份")
        liar = Liar(pair.host, pair.sub)
        assert not (await liar.tell(TALK, hold(pair), agreement)).reason
        word = Decide(ID, Decision.ABORT)
        for named in (other, b"", bytes(32)):
            receipt = await liar.tell(TALK, word, agreement_id=named)
            assert (receipt.reason, receipt.phase) == ("NO_AGREEMENT", "HELD")
        assert (await liar.tell(TALK, word)).phase == "RELEASED"


async def test_nobody_books_under_the_agreement_of_others() -> None:
    async with two_centers() as pair:
        usual = pair.terms()
        stranger = Party("lp1" + "a" * 32, "第三方", "", "")
        theirs: AgreementId = await pair.agree(
            parties=(stranger, usual.parties[1]),
            directions=(replace(usual.directions[0], host=stranger.center_id),),
        )
        receipt = await Liar(pair.host, pair.sub).tell(TALK, hold(pair), theirs)
        assert (receipt.reason, receipt.clause) == ("NO_AGREEMENT", "parties")
