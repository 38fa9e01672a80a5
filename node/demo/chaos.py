"""What goes wrong on purpose in ``lianping demo --chaos``: lost messages, and a node killed.

One message in ten between the nodes is lost, a request or a reply; each node does that itself
(``node.lossy``). In the middle of the draws the host's node is killed with ``kill -9`` and
started again. The story goes on through the API as if nothing had happened: that is the point.
"""

from typing import Any, Final

from node.demo.narrator import Narrator
from node.demo.nodes import Nodes

LOST_PERCENT: Final = 10
KILLED_AMID: Final = "draw"
"""The step with the most that is under way at once: words, calls, lists."""
LEAD_SECONDS: Final = 15  # what was lost is said again later: booking and drawing take longer


class Chaos:
    """Kills and restarts the host's node, and says what was done.

    Args:
        nodes: The running processes.
        narrator: Tells.
    """

    def __init__(self, nodes: Nodes, narrator: Narrator) -> None:
        self._nodes = nodes
        self._narrator = narrator
        self._killed: list[str] = []

    def amid(self, step: str) -> None:
        """A step is under way. Raises DidNotStart if the node does not come back."""
        if step != KILLED_AMID:
            return
        host = self._nodes.case.centers[0]
        self._narrator.tell(
            f"{host.short}的节点被强制终止 (kill -9), 随即重启",
            f"the node of {host.english} is killed (kill -9) and started again",
        )
        self._nodes.restart(host)
        self._killed.append(host.key)

    def done(self) -> dict[str, Any]:
        """What was done, for the result."""
        return {
            "lost_percent": self._nodes.lost_percent,
            "messages_lost": self._nodes.messages_lost(),
            "killed": list(self._killed),
        }
