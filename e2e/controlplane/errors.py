"""The one kind of error that a user of this package is meant to read."""


class ControlPlaneError(Exception):
    """There is no control plane to give; the text says why and what to do."""
