"""An evaluation whose report is signed, as one center's books have it: draws close after that."""

from federation.ids import ConversationId
from federation.protocol import session
from federation.protocol.conversation import Conversation, Kind, Role
from node.services.house import Desk
from node.store import bookings, sessions


def report_signed(desk: Desk, booking: bytes) -> ConversationId:
    """Store a session of a booking that has come to its end; answers its id."""
    connection = desk.ledger.connection
    leg = bookings.get(connection, booking)
    assert leg is not None
    terms = desk.ledger.agreement(leg.agreement)
    assert terms is not None
    talk = ConversationId(desk.new_id())
    desk.ledger.put_conversation(
        Conversation(
            talk,
            Kind.SESSION,
            Role(leg.role),
            leg.peer,
            leg.agreement,
            terms.suite,
            phase=session.FINISHED,
        ),
        desk.now_ms,
    )
    sessions.add(
        connection,
        session=talk,
        role=leg.role,
        peer=leg.peer,
        project=leg.project,
        convene=session.Convene(booking, (bytes(16),), leg.start_ms, leg.end_ms, 1, 1, 1),
    )
    return talk
