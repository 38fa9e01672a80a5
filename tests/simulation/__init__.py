"""A federation under faults: whole nodes, one process, a virtual clock, one seed."""
