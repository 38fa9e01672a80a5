"""How two centers deal with each other. Knows nothing of any center's inside.

The arrows point downwards only; ``.importlinter`` holds them:

* ``transport``  the only gRPC: server, client, TLS, pumps
* ``engine``     drives conversations through ports; awaits, never sleeps
* ``wire``       generated messages <-> our types; the only validation
* ``ports``      what the engine needs from a node
* ``evidence``   PURE: checkpoints, the dossier, the offline verifier
* ``lottery``    PURE: the pool commitment, the ranking, the walk down it
* ``protocol``   PURE: tables; which word may follow which
* ``trust``      PURE: suites, Merkle trees, keys, envelopes
* ``ids``, ``errors``
"""
