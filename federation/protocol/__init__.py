"""Which word may follow which: one table per kind of conversation. Pure."""
