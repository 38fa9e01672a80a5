"""The measured servers, each in a process of its own.

A child tells where it listens in one line of JSON, and ends when its standard input does: so
it cannot outlive this process, however this one ends.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

START_SECONDS: Final = 30.0  # importing everything on a busy machine
STOP_SECONDS: Final = 15.0  # more than a server's grace; then the child is killed


@asynccontextmanager
async def serving(what: Mapping[str, str]) -> AsyncIterator[dict[str, Any]]:
    """Run ``tests.bench.serve`` with these instructions; gives what it answered."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        # The parent's own import path: it may be pytest's, which no variable tells.
        f"import runpy, sys; sys.path[:] = {sys.path!r}; "
        "runpy.run_module('tests.bench.serve', run_name='__main__')",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(json.dumps(what).encode() + b"\n")
        async with asyncio.timeout(START_SECONDS):
            line = await child.stdout.readline()
        if not line:
            raise RuntimeError(f"the server for {what['kind']!r} ended before it listened")
        yield json.loads(line)
    finally:
        child.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()
