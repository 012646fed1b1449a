"""The one kind of error that a user of this package is meant to read."""


class FullNodeError(Exception):
    """There are no real nodes to give; the text says why and what to do."""
