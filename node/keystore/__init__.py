"""A center's keys on disk.

``root_file``: the root key, encrypted, apart from everything else. ``folder``: what a serving
node needs, one file a key. Not here: what keys mean (``federation.trust.keys``).
"""
