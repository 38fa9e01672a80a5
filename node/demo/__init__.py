"""The demonstration: two real nodes on this machine evaluate one project together.

* ``story``      the main job, step by step, through the HTTP API only; ``first_act`` is its
  beginning, ``setting`` what the steps share, ``told`` what was seen
* ``caller``     the HTTP client of a patient integrator
* ``processes``  starts, kills and stops the nodes and the stand-ins
* ``world``      two centers' synthetic rooms, experts and the project of the first case
* ``narrator``   says what happens, in Chinese or English, or as one JSON object
* ``command``    ``lianping demo``
"""
