"""What an API server answers when it refuses."""

from aiohttp import web

_REASONS = {
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
}
_RETRY_AFTER = {429: "1"}


def status(code: int) -> dict[str, object]:
    """Return the Status object of a refusal."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"refused by a fault with {code}",
        "reason": _REASONS[code],
        "code": code,
    }


def refusal(code: int) -> web.Response:
    """Return the answer of a refusal."""
    headers = {"Retry-After": _RETRY_AFTER[code]} if code in _RETRY_AFTER else {}
    return web.json_response(status(code), status=code, headers=headers)
