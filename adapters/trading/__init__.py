"""The e-trading system (电子交易系统) of a center, which receives the sealed expert roster.

``port``      what the node needs of it, and its REST API
``rest``      the client of that API
``stand_in``  a small HTTP server of its own that plays the system, with a key of its own
"""
