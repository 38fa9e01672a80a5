"""HTTP/JSON for integrators and people, and the probes for operators."""
