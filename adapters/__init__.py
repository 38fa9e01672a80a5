"""Outside systems: what a center already has, and this node has to talk to.

One package per system, each with the same three modules:

* ``port.py``      what the node needs, as a ``Protocol``, and the REST API that gives it, in
                   words exact enough for an integrator to implement the other side;
* ``rest.py``      (``gateway.py`` for messaging) a client of that API;
* ``stand_in.py``  a loud replacement for demonstrations, which production refuses.

The systems:

* ``trading``    the e-trading system (电子交易系统) that receives the sealed roster
* ``messaging``  voice calls and short messages to experts
* ``identity``   is this face the person of this resident ID (人脸核验)
* ``signing``    cloud signature of reports (云签)
* ``video``      evaluation rooms and their recordings
* ``experts``    the provincial expert library's export

Beside them: ``errors`` (``OutsideError``: ``Rejected`` is final, ``Unreachable`` may be tried
again), ``outside`` (what all ports share), ``http_client`` and ``http_reply`` (time-outs, size
limits, retries and parsing, in one place), ``durable`` (files that survive a power cut).

Nothing here knows the node or the federation: values go in and out as plain types. Which
implementation is used is decided in ``node.wiring`` and nowhere else.
"""
