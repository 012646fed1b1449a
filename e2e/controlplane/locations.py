"""What the environment says: where things lie between runs, and which cluster is named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from .versions import KUBERNETES

STATE_VARIABLE: Final = "IMCHAT_CONTROLPLANE_STATE"
CONTEXT_VARIABLE: Final = "IMCHAT_E2E_CONTEXT"
ASSETS_VARIABLE: Final = "KUBEBUILDER_ASSETS"

_NAME: Final = "imchat-controlplane"


def cache_folder() -> Path:
    """The folder of the programs of this version, which may not exist yet."""
    return caches_folder() / _NAME / KUBERNETES


def state_folder() -> Path:
    """The folder of what `up` leaves for `status` and `down`, which may not exist yet."""
    if chosen := os.environ.get(STATE_VARIABLE):
        return Path(chosen).absolute()
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(runtime).absolute() / _NAME
    return caches_folder() / _NAME / "state"


def assets_folder() -> Path | None:
    """The folder that KUBEBUILDER_ASSETS names, if it is set."""
    chosen = os.environ.get(ASSETS_VARIABLE)
    return Path(chosen).absolute() if chosen else None


def named_context() -> str | None:
    """The context that IMCHAT_E2E_CONTEXT names, if it is set."""
    return os.environ.get(CONTEXT_VARIABLE) or None


def caches_folder() -> Path:
    """The user's caches, of whatever program."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute()
