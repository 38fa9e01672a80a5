"""PURE: what a center owns and the rules of law that bind it."""
