"""Client of the expert library's REST API (see ``port``)."""

from email.message import Message
from typing import Final

from adapters.errors import Rejected
from adapters.experts.port import EXPORT_BYTES_MAX, Export, ExportFormat
from adapters.http_client import OutsideHttp

_FORMATS: Final = {
    "utf-8": ExportFormat.CSV_UTF8,
    # GB 18030 contains the two older sets.
    "gb18030": ExportFormat.CSV_GB18030,
    "gbk": ExportFormat.CSV_GB18030,
    "gb2312": ExportFormat.CSV_GB18030,
}


class RestExpertLibrary:
    """``ExpertLibrary`` over HTTP.

    Args:
        http: The connection to the library; closed with this object. Its ``exchange_s`` must
            leave time for the whole export.
    """

    stand_in: Final = False

    def __init__(self, *, http: OutsideHttp) -> None:
        self._http = http

    async def self_test(self) -> None:
        """The library answers."""
        await self._http.check_health()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def fetch(self) -> Export:
        """GET the export; see ``ExpertLibrary``."""
        body = await self._http.get_bytes("/experts/export", bytes_max=EXPORT_BYTES_MAX)
        header = Message()
        header["Content-Type"] = body.content_type
        found = _FORMATS.get(str(header.get_param("charset")))
        if header.get_content_type() != "text/csv" or found is None:
            raise Rejected(
                self._http.system,
                "the export must be text/csv with charset utf-8 or gb18030, "
                f"not {body.content_type[:80]!r}. Correct the library's export.",
            )
        if not body.content:
            # An empty library would suspend every expert at the next import.
            raise Rejected(self._http.system, "the export is empty, without even a header row")
        return Export(body.content, found)
