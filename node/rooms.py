"""The services of a node that need no other but these; ``node.wiring`` makes the rest around them.

A center's rooms, so to speak: whatever happens between two centers happens in one of them.
"""

from collections.abc import Mapping

from adapters.errors import Rejected
from federation.engine.negotiator import Negotiator
from federation.trust.keyring import Keyring
from federation.trust.suite import SUITES
from node.config import Config
from node.outside import Outsides
from node.services.agreements import Agreements
from node.services.call_backs import CallBackPolicy
from node.services.calling_off import CallingOff
from node.services.draw_rules import OwnWindow
from node.services.draws import Draws
from node.services.inviting import InvitationPolicy, Place
from node.services.oversight import Oversight
from node.services.oversight_asking import Asking
from node.services.pool_announcements import PoolAnnouncements
from node.services.pool_epochs import PoolEpochs
from node.services.pool_statistics import PoolStatistics
from node.services.sessions import Sessions
from node.store.cipher import ColumnCipher
from node.store.ledger import SqlLedger


class Rooms:
    """Agreements, pools, draws, oversight, and whom draws call off.

    Args:
        config: This node's.
        cipher: For what is personal or secret.
        keyring: The peers.
        outsides: The outside systems.
    """

    def __init__(
        self, config: Config, cipher: ColumnCipher, keyring: Keyring, outsides: Outsides
    ) -> None:
        self.agreements = Agreements(keyring, config.policy.agreement_signers)
        self.statistics = PoolStatistics(config.pool.thresholds)
        self.pools = PoolAnnouncements(
            cipher=cipher,
            agreements=self.agreements,
            regulator_keys=config.pool.regulator_keys,
            gateway_keys=_gateway_keys(outsides),
            own_cap=config.pool.own_cap,
            small_stratum=config.pool.small_stratum,
            announced=self.statistics.look,
        )
        self.epochs = PoolEpochs(config.pool.rule, self.pools.announce)
        self.draws = Draws(
            cipher=cipher,
            trading=outsides.trading,
            messaging=outsides.messaging,
            place=Place(config.center.name, config.center.phone),
            own_window=OwnWindow(config.policy.draw_window),
            invitations=InvitationPolicy(
                config.invitations.texts,
                config.invitations.hours,
                config.invitations.check_in_code,
            ),
        )
        asking = Asking(self.draws.recusal.heard, self.draws.rescuing.heard)
        self.oversight = Oversight(
            regulates=config.regulates,
            cipher=cipher,
            asking=asking,
            call_backs=CallBackPolicy(
                config.regulator.call_back_percent, config.regulator.registered
            ),
        )
        self.calling_off = CallingOff(
            messaging=outsides.messaging,
            cipher=cipher,
            members=self.draws.members,
            center_name=config.center.name,
            phone=config.center.phone,
        )

    def bind(self, negotiator: Negotiator[SqlLedger], sessions: Sessions) -> None:
        """Give the errands their way to the database, and draws those who follow their lists."""
        self.draws.tell(sessions.changed, self.draws.recusal.changed)
        self.draws.tell_over(self.oversight.records.tell)
        self.draws.errands.bind(negotiator)
        self.calling_off.bind(negotiator)


def _gateway_keys(outsides: Outsides) -> Mapping[str, bytes]:
    """The keys that our telephone gateway signs records with, of the suites that it has."""
    found = {}
    for suite_id in SUITES:
        try:
            found[suite_id] = outsides.messaging.receipt_key(suite_id)
        except Rejected:
            continue  # no answer under this suite counts with us either
    return found
