"""The only place with gRPC, and the only loops."""
