"""Evaluation video rooms (评标音视频) and their recordings.

``port``      what the node needs, and the platform's REST API
``rest``      the client of that API
``stand_in``  rooms without pictures, whose recording is a manifest file
"""
