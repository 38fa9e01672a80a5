"""One center: what it owns, and how the parts are put together.

* ``cli``, ``wiring``   the command line; the one file that builds the object graph
* ``api``               HTTP/JSON for integrators, staff, agencies, experts, supervisors
* ``services``          use cases per role; where federation, store and adapters meet
* ``store``             SQL
* ``domain``            PURE: venues, experts, committees, projects, codes
* ``config``, ``clock``, ``metrics``, ``logs``
"""
