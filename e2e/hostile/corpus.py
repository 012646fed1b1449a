"""Objects that no CRD of ours lets in, and that an operator may meet all the same.

A definition of another version, or one that somebody edited, stores them; a status is written by
whoever has the right to.
"""

from typing import Any, Final

from hostile.schema import Json

_TARGET: Final = {"name": "none"}
_GOOD: Final = {"targetRef": _TARGET, "maxReplicas": 2}
_ONCE: Final = {"start": "2030-01-01T00:00:00Z", "end": "2030-01-01T04:00:00Z"}
_DEEP: Final[Any] = [[[[[[[[[[[[[[[[{}]]]]]]]]]]]]]]]]
_HUGE: Final = "x" * 500_000

# Specs of ImChatClusters that a lax definition stores.
CLUSTERS: Final[dict[str, Any]] = {
    "nothing": {},
    "text": "text",
    "a-number": 7,
    "a-list": [1, 2, 3],
    "deep": _DEEP,
    "huge": {**_GOOD, "targetRef": {"name": _HUGE}},
    "target-text": {**_GOOD, "targetRef": "gateway"},
    "target-elsewhere": {**_GOOD, "targetRef": {"name": "../../kube-system/deployments/x"}},
    "target-of-no-group": {**_GOOD, "targetRef": {**_TARGET, "apiVersion": "///"}},
    "sizes-text": {"targetRef": _TARGET, "maxReplicas": "many"},
    "sizes-huge": {"targetRef": _TARGET, "minReplicas": 2**62, "maxReplicas": 2**62},
    "sizes-crossed": {"targetRef": _TARGET, "minReplicas": 5, "maxReplicas": 2},
    "sizes-broken": {"targetRef": _TARGET, "maxReplicas": 2.5},
    "negative": {"targetRef": _TARGET, "minReplicas": -1, "maxReplicas": -1},
    "durations": {**_GOOD, "metrics": {"interval": "-1s", "timeout": "soon", "maxAge": 7}},
    "no-pause": {**_GOOD, "metrics": {"interval": "0s"}},
    "for-ever": {**_GOOD, "metrics": {"interval": "99999999999999999999h"}},
    "lists-of-null": {**_GOOD, "scaling": {"scaleUp": [None], "signals": [None], "pauses": None}},
    "many-rules": {**_GOOD, "scaling": {"scaleUp": [{"above": 70, "for": "1m"}] * 5000}},
    "crossed-rules": {
        **_GOOD,
        "scaling": {
            "scaleUp": [{"above": 10, "for": "0s"}],
            "scaleDown": [{"below": 90, "for": "0s"}],
            "target": 100,
        },
    },
    "edge-of-time": {
        **_GOOD,
        "scaling": {
            "schedules": [
                {
                    "name": "s",
                    "minReplicas": 1,
                    "once": {
                        "start": "0001-01-01T00:00:00+23:59",
                        "end": "9999-12-31T23:59:59-23:59",
                    },
                }
            ]
        },
    },
    "a-mode-of-tomorrow": {**_GOOD, "scaling": {"mode": "Forecast"}},
    "unknown-fields": {**_GOOD, "next": {"version": [1, {"of": "this"}]}, "scaling": {"ml": True}},
    "dependencies": {
        **_GOOD,
        "dependencies": [
            {"name": "http://169.254.169.254", "tcp": {"service": "a.b.c", "port": -1}},
            {"name": "x", "metric": {"source": "none", "query": ""}},
        ],
    },
}

# Specs of MaintenanceWindows that a lax definition stores.
WINDOWS: Final[dict[str, Any]] = {
    "nothing": {},
    "text": "text",
    "a-list": [],
    "no-schedules": {"schedules": []},
    "both": {"schedules": [{"once": _ONCE, "recurring": {"cron": "* * * * *"}}]},
    "backwards": {"schedules": [{"once": {"start": _ONCE["end"], "end": _ONCE["start"]}}]},
    "edge-of-time": {
        "schedules": [
            {"once": {"start": "0001-01-01T00:00:00+23:59", "end": "9999-12-31T23:59:59-23:59"}}
        ],
        "validFrom": "0001-01-01T00:00:00Z",
    },
    "many": {"schedules": [{"once": _ONCE}] * 3000},
    "a-rule-that-never-ends": {
        "schedules": [
            {
                "recurring": {
                    "rrule": "FREQ=SECONDLY;COUNT=99999999999",
                    "startTime": "00:00",
                    "duration": "1h",
                    "timeZone": "UTC",
                }
            }
        ]
    },
    "no-zone": {
        "schedules": [
            {"recurring": {"cron": "0 2 * * *", "duration": "1h", "timeZone": "../etc/passwd"}}
        ]
    },
    "selector-text": {"schedules": [{"once": _ONCE}], "clusterSelector": "all"},
    "approval": {"schedules": [{"once": _ONCE}], "type": "Emergency", "approval": {}},
    "huge": {"schedules": [{"once": _ONCE}], "reason": _HUGE},
}

# Statuses of ImChatClusters, written by somebody else.
STATUSES: Final[dict[str, Any]] = {
    "text": "text",
    "a-list": [],
    "conditions-text": {"conditions": "all is well"},
    "conditions-of-null": {"conditions": [None, {}]},
    "epoch-text": {"epoch": "first"},
    "epoch-list": {"epoch": [1]},
    "epoch-broken": {"epoch": 1.5},
    "epoch-huge": {"epoch": 2**62},
    "epoch-negative": {"epoch": -(2**62)},
    "generation": {"observedGeneration": 2**62},
    "huge": {"window": _HUGE},
    "deep": {"drains": _DEEP},
    "drains-of-nobody": {"drains": [{"pod": "nobody", "uid": "none", "phase": "Draining"}] * 500},
    "a-season-of-another-age": {"peaks": [{"slot": 0, "period": -(2**62), "load": 2**62}]},
    "streak-of-another-age": {
        "streaks": [{"rule": "r", "since": "0001-01-01T00:00:00Z", "last": "9999-12-31T23:59:59Z"}]
    },
    "events": {"pendingEvents": [{"name": "../x", "reason": "\x00", "message": _HUGE}]},
}


def annotations() -> dict[str, Json]:
    """Return annotations with nonsense for each that the operator heeds, by a name for each set."""
    keys = (
        "imchat.dev/pause-healing",
        "imchat.dev/pause-scale-up",
        "imchat.dev/pause-scale-down",
        "imchat.dev/pause-rebalance",
        "imchat.dev/none-such",
    )
    values = {"empty": "", "long": "x" * 40_000, "control": "a\x00b\r\n\u202e", "json": '{"a":['}
    return {name: dict.fromkeys(keys, value) for name, value in values.items()}
