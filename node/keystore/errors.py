"""What can be wrong with keys on disk; the words say what to do."""


class BadKeys(Exception):
    """Keys that cannot be used as they are."""


class Taken(BadKeys):
    """There is a file of that name, and none is overwritten."""


class WrongPassphrase(BadKeys):
    """The root key's file does not open with this passphrase."""


class WrongPin(BadKeys):
    """A token refused its PIN. Whoever starts the node again and again would lock the token."""
