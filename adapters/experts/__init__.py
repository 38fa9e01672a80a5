"""The provincial expert library (综合评标专家库), as an export the center may import.

``port``       what the node needs, the export's columns, and the REST API
``rest``       the client of that API
``stand_in``   serves a file of synthetic experts
``synthetic``  makes people who do not exist, with identifiers that pass every check
"""
