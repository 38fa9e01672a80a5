"""Face verification (人脸核验): is the person at the desk the expert who was invited?

``port``      what the node needs, and the REST API of the service
``rest``      the client of that API
``stand_in``  a rule without any face in it
"""
