"""The groups of the command ``lianping``, one module each, and how they reach the node.

Commands that need the running node ask its HTTP API over the socket in its own folder
(``link``), so what can be typed and what a program can do are the same things. Not here: the
root of the command and how an exception ends it (``node.cli``).
"""
