"""Voice calls and short messages (语音通知、短信) to experts.

``port``      what the node needs, and the gateway's REST API
``gateway``   the client of that API
``stand_in``  a spool file in place of people's telephones
"""
