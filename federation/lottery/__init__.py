"""The draw that neither center can bend: pool commitment, ranking, the walk. Pure."""
