"""Use cases per role; the only place where federation, store and adapters meet."""
