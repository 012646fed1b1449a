"""Tokens and certificate authorities, from mounted files only: read again when they are rotated.

What is raised never shows what a file holds.
"""

import re
import ssl
from functools import lru_cache
from pathlib import Path

_TOKEN = re.compile(r"[\x21-\x7e]+")


class CredentialsError(Exception):
    """A file holds no credentials that can be used, with the reason in words."""


def token_of(path: str) -> str:
    """Return the token that a file holds now.

    Raises:
        CredentialsError: it holds none.
    """
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise CredentialsError(f"the token file can't be read: {error}") from error
    except UnicodeDecodeError:
        token = ""
    if not _TOKEN.fullmatch(token):
        # Without the cause, which would show the file's content in a log.
        raise CredentialsError(f"the token file holds no token: {path}")
    return token


def authorization(path: str) -> dict[str, str]:
    """Return the headers that show the token of a file; none where the path is empty.

    Raises:
        CredentialsError: it holds none.
    """
    return {"Authorization": f"Bearer {token_of(path)}"} if path else {}


def trust_in(path: str) -> ssl.SSLContext:
    """Return a context that believes only those whom the authorities of a file vouch for.

    Raises:
        CredentialsError: it has no certificates.
    """
    try:
        found = Path(path).stat()
        return _trust(path, (found.st_ino, found.st_mtime_ns, found.st_size))
    except OSError as error:
        raise CredentialsError(f"the CA file can't be used: {error}") from error


@lru_cache(maxsize=16)
def _trust(path: str, version: tuple[int, int, int]) -> ssl.SSLContext:  # noqa: ARG001 -- the key
    """Return the context of one version of a file: reading it takes longer than a small answer."""
    return ssl.create_default_context(cafile=path)
