"""When in its interval a cluster is sampled: each at its own moment, as Prometheus' targets are.

All loops begin together. If they went on so, they would ask all gateways in the same second of each
interval, and every pass then would wait for all others.
"""

from datetime import UTC, datetime, timedelta
from zlib import crc32

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def since_moment(uid: str, interval: timedelta, now: datetime) -> timedelta:
    """Return how long ago the moment of the cluster with a uid was: less than an interval."""
    moment = _EPOCH + interval * (crc32(uid.encode()) / 2**32)
    return (now - moment) % interval


def in_phase(wait: timedelta, uid: str, interval: timedelta, now: datetime) -> timedelta:
    """Return how long to wait for the next pass: of a whole interval only until the next moment."""
    return interval - since_moment(uid, interval, now) if wait == interval else wait
