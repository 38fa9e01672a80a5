"""Loads aics-tlog and aics-witness, which other people wrote, from the folder that make fills."""

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

FOLDER: Final = Path(sys.prefix) / "interop"


def load(name: str) -> ModuleType:
    """One of their modules."""
    if not (FOLDER / ".installed").exists():
        raise AssertionError("the other implementation is not installed; run: make interop")
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    return importlib.import_module(name)
