"""Cloud signature (云签) of reports by experts and staff.

``port``      what the node needs, the REST API of the service, and the check of a signature
``rest``      the client of that API
``stand_in``  keys in a folder that really sign
"""
