"""All tables, and the vocabulary they make up together."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from federation.protocol.agreement import AGREEMENT
from federation.protocol.booking import BOOKING
from federation.protocol.contribution import CONTRIBUTION
from federation.protocol.conversation import Kind, Table, Word
from federation.protocol.draw import DRAW
from federation.protocol.oversight import OVERSIGHT
from federation.protocol.peering import PEERING
from federation.protocol.selection import SELECTION
from federation.protocol.session import SESSION

TABLES: Final[Mapping[Kind, Table]] = MappingProxyType(
    {
        table.kind: table
        for table in (
            AGREEMENT,
            PEERING,
            BOOKING,
            DRAW,
            SESSION,
            SELECTION,
            CONTRIBUTION,
            OVERSIGHT,
        )
    }
)

VOCABULARY: Final[Mapping[str, type[Word]]] = MappingProxyType(
    {f"{table.kind}.{word.__name__}": word for table in TABLES.values() for word in table.words}
)
"""Every word by the name it has in payload types, e.g. ``booking.Hold``."""
