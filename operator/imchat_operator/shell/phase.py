"""When in its interval a cluster is sampled: each at at its own moment, as Prometheus' targets."""

from datetime import UTC, datetime, timedelta
from zlib import crc32

from imchat_operator.core.snapshot import Snapshot

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def in_phase(wait: timedelta, snapshot: Snapshot) -> timedelta:
    """Return how long to wait for the next pass, at most `wait`.

    All loops begin together. If they went on so, they would ask all gateways in the same second of
    each interval, and every pass then would wait for all others. What is due at another time than
    the next sample stays as it is.
    """
    interval = snapshot.spec.metrics.interval
    if wait != interval:
        return wait
    moment = _EPOCH + interval * (crc32(snapshot.cluster.uid.encode()) / 2**32)
    return (moment - snapshot.now) % interval or interval
