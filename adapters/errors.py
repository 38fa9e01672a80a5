"""What can go wrong with a system outside: two families, by what the caller should do next.

A message names the system, the request and what to do. It never repeats what we sent or what
the other side wrote back in prose: both may carry phone numbers and resident IDs, and
messages end up in logs.
"""


class OutsideError(Exception):
    """An outside system did not do what we asked.

    Args:
        system: The configured name of the system, for the operator.
        detail: One sentence: what was wrong, where, and what to do.
    """

    def __init__(self, system: str, detail: str) -> None:
        super().__init__(f"{system}: {detail}")
        self.system = system
        self.detail = detail


class Rejected(OutsideError):
    """Final: the same request will get the same answer; a person has to look."""


class Unreachable(OutsideError):
    """Nobody said no: the same request, under the same key, may succeed later."""
