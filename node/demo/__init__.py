"""The demonstration: real nodes on this machine evaluate one project together.

* ``story``      the main job, step by step, through the HTTP API only; ``first_act`` is its
  beginning, ``setting`` what the steps share, ``told`` what was seen
* ``caller``     the HTTP client of a patient integrator
* ``processes``  starts, kills and stops the nodes and the stand-ins
* ``world``      the centers' synthetic rooms and experts, and the projects of two cases
* ``chaos``      what goes wrong on purpose: messages lost, a node killed
* ``narrator``   says what happens, in Chinese or English, or as one JSON object
* ``command``    ``lianping demo``
"""
