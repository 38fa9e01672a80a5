"""What the pages and routes need of a running node. ``node.wiring`` fills it in."""

from collections.abc import Callable
from dataclasses import dataclass

from adapters.experts.port import ExpertLibrary
from adapters.identity.port import Identity as FaceVerifier
from adapters.signing.port import Signing
from federation.engine.negotiator import Negotiator
from federation.engine.outbox import Outbox
from federation.trust.keyring import Keyring
from node.api.commands import Commands
from node.config import Config
from node.keystore.backups import Backups
from node.keystore.renewal import Renewal
from node.links import Links
from node.metrics import Metrics
from node.services.accounts import Accounts
from node.services.agreements import Agreements
from node.services.availability import Availability
from node.services.bookings import Bookings
from node.services.dossiers import Dossiers
from node.services.draws import Draws
from node.services.experts import Experts
from node.services.feeds import Feeds
from node.services.holidays import Holidays
from node.services.joining import Joining
from node.services.maintenance import Maintenance
from node.services.oversight import Oversight
from node.services.peering import Peering
from node.services.peers import Peers
from node.services.projects import Projects
from node.services.recovering import Recovering
from node.services.replanning import Replanning
from node.services.selections import Selections
from node.services.sessions import Sessions
from node.services.timetable import Timetable
from node.services.todos import Todos
from node.services.usage import UsageStatements
from node.services.venues import Venues
from node.services.why import Whys
from node.store.cipher import ColumnCipher
from node.store.ledger import SqlLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """One node's services and the adapters that routes talk to directly.

    ``pinned`` is called after a new peer was pinned, so that its pumps start.
    """

    config: Config
    version: str
    cipher: ColumnCipher
    negotiator: Negotiator[SqlLedger]
    outbox: Outbox[SqlLedger]
    keyring: Keyring
    metrics: Metrics
    faces: FaceVerifier
    signing: Signing
    library: ExpertLibrary
    commands: Commands
    accounts: Accounts
    agreements: Agreements
    availability: Availability
    bookings: Bookings
    dossiers: Dossiers
    draws: Draws
    experts: Experts
    joining: Joining
    oversight: Oversight
    peering: Peering
    peers: Peers
    projects: Projects
    replanning: Replanning
    selections: Selections
    sessions: Sessions
    todos: Todos
    usage: UsageStatements
    venues: Venues
    whys: Whys
    holidays: Holidays
    maintenance: Maintenance
    timetable: Timetable
    feeds: Feeds
    links: Links
    pinned: Callable[[], None]
    renewal: Renewal
    recovering: Recovering
    backups: Backups
