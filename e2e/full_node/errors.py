"""The errors that a user of this package is meant to read."""


class FullNodeError(Exception):
    """There are no real nodes to give; the text says why and what to do."""


class ImpossibleError(FullNodeError):
    """This machine can't have real nodes, whatever the repository has in it."""
