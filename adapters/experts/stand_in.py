"""Serves a file of synthetic experts in place of the provincial library.

The file is written once and may be edited by hand afterwards, to show what an import does with
changes; see ``synthetic`` for who is in it.
"""

import asyncio
from pathlib import Path
from typing import Final

from adapters.durable import make_folder, write_whole
from adapters.errors import Rejected
from adapters.experts.port import EXPORT_BYTES_MAX, Export, ExportFormat
from adapters.experts.synthetic import synthetic_experts, to_csv
from adapters.outside import Log, announce_stand_in

__all__ = ["STAND_IN", "FileExpertLibrary", "synthetic_experts", "to_csv", "write_export"]

STAND_IN: Final = True
SYSTEM: Final = "模拟专家库 (stand-in expert library)"


def write_export(path: Path, *, seed: int, count: int, region: str, prefix: str) -> None:
    """Write an export of synthetic experts in UTF-8 to ``path``, replacing what is there."""
    make_folder(path.parent)
    rows = synthetic_experts(seed, count, region, prefix)
    write_whole(path, to_csv(rows, ExportFormat.CSV_UTF8.encoding))


class FileExpertLibrary:
    """``ExpertLibrary`` from a file.

    Args:
        path: The export, for instance one of ``write_export``.
        format: How it is written.
        log: Where to be loud.
    """

    stand_in: Final = STAND_IN

    def __init__(
        self,
        *,
        path: Path,
        format: ExportFormat = ExportFormat.CSV_UTF8,  # noqa: A002  (the word of ``Export``)
        log: Log | None = None,
    ) -> None:
        announce_stand_in("综合评标专家库", "expert library", log)
        self._path = path
        self._format = format

    async def self_test(self) -> None:
        """The file can be served."""
        await self.fetch()

    async def aclose(self) -> None:
        """Nothing is held open."""

    async def fetch(self) -> Export:
        """Read the file; see ``ExpertLibrary``."""
        return Export(await asyncio.to_thread(self._read), self._format)

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                content = file.read(EXPORT_BYTES_MAX + 1)
        except OSError as error:
            raise Rejected(
                SYSTEM, f"cannot read {self._path}: {error.strerror}. Write the export first."
            ) from error
        if not 0 < len(content) <= EXPORT_BYTES_MAX:
            raise Rejected(SYSTEM, f"{self._path} must have 1 to {EXPORT_BYTES_MAX} bytes")
        return content
