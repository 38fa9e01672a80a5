"""The verifier as a single page: made here, of the verifier's own modules; no part of a node.

* ``build``      puts the page together
* ``packages``   the npm packages that go into it
* ``modules``    the Python modules that go into it
* ``verifier/``  the page itself: what people see, and what stands in for compiled libraries
"""
