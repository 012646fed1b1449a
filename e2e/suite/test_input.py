"""Bad input is refused by the API server itself, with a sentence that names the field."""

from typing import Any

import pytest

from harness import Namespace
from harness.manifests import SAMPLES, cluster, gateways, loaded, window
from harness.namespace import KubectlError

_SUNDAY = {
    "rrule": "FREQ=MONTHLY;BYDAY=1SU",
    "startTime": "02:00",
    "duration": "4h",
    "timeZone": "Europe/Berlin",
}


def _recurring(**changes: str) -> dict[str, Any]:
    return window("w", {"recurring": {**_SUNDAY, **changes}})


def _scaling(**scaling: Any) -> dict[str, Any]:
    return cluster(scaling=scaling)


@pytest.mark.parametrize(
    ("manifest", "field", "sentence"),
    [
        pytest.param(
            cluster(minReplicas=5, maxReplicas=4),
            "spec.minReplicas",
            "minReplicas must not be above maxReplicas",
            id="minReplicas above maxReplicas",
        ),
        pytest.param(
            _scaling(scaleUp=[{"above": 50, "for": "1m"}], scaleDown=[{"below": 60, "for": "1m"}]),
            "spec.scaling.scaleDown",
            "must be lower than every scaleUp[].above",
            id="scaleDown above scaleUp",
        ),
        pytest.param(
            _scaling(target=90), "spec.scaling.target", "must lie between", id="target out of band"
        ),
        pytest.param(
            _scaling(scaleUp=[{"above": 70, "for": "-15m"}]),
            "spec.scaling.scaleUp[0].for",
            "must be a duration that is not negative",
            id="a negative duration",
        ),
        pytest.param(
            _scaling(scaleUp=[{"above": 70, "for": "soon"}]),
            "spec.scaling.scaleUp[0].for",
            "such as 90s, 15m or 1h30m",
            id="a duration in words",
        ),
        pytest.param(
            cluster(draining={"deadline": "0s"}),
            "spec.draining.deadline",
            "must be longer than zero",
            id="a deadline of nothing",
        ),
        pytest.param(
            _recurring(timeZone="Mars/Phobos"),
            "spec.schedules[0].recurring.timeZone",
            "must be the name of an IANA time zone",
            id="an unknown time zone",
        ),
        pytest.param(
            _recurring(timeZone="+02:00"),
            "spec.schedules[0].recurring.timeZone",
            "must be the name of an IANA time zone",
            id="an offset for a time zone",
        ),
        pytest.param(
            _recurring(duration="-4h"),
            "spec.schedules[0].recurring.duration",
            "must be a duration that is not negative",
            id="a window of negative length",
        ),
        pytest.param(
            _recurring(startTime="25:00"),
            "spec.schedules[0].recurring.startTime",
            "must be a time of day",
            id="a time of day that no day has",
        ),
        pytest.param(
            _recurring(rrule="FREQ=SECONDLY"),
            "spec.schedules[0].recurring.rrule",
            "must name FREQ=DAILY, WEEKLY, MONTHLY or YEARLY",
            id="a window every second",
        ),
        pytest.param(
            window("w", {"once": {"start": "2026-03-02T00:00:00Z", "end": "2026-03-01T00:00:00Z"}}),
            "spec.schedules[0].once.end",
            "end must be later than start",
            id="an end before its start",
        ),
        pytest.param(
            window("w", {}),
            "spec.schedules[0]",
            "needs either once or recurring",
            id="a schedule of nothing",
        ),
        pytest.param(
            {**cluster(), "spec": {**cluster()["spec"], "targetRef": {}}},
            "spec.targetRef.name",
            "Required value",
            id="no target",
        ),
    ],
)
def test_the_api_server_refuses(
    namespace: Namespace, manifest: dict[str, Any], field: str, sentence: str
) -> None:
    with pytest.raises(KubectlError) as refusal:
        namespace.apply(manifest)
    assert f"{field}:" in str(refusal.value)
    assert sentence in str(refusal.value)


def test_the_api_server_takes_the_samples_with_defaults(namespace: Namespace) -> None:
    for sample in sorted(SAMPLES.glob("*.yaml")):
        namespace.apply(loaded(sample))
    minimal = {"targetRef": {"name": "gateway"}, "maxReplicas": 4}
    namespace.apply(
        {**cluster(), "metadata": {"name": "minimal"}, "spec": minimal},
    )
    spec = namespace.cluster("minimal")["spec"]
    assert spec["targetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gateway"}
    assert spec["scaling"]["scaleUp"] == [{"above": 70, "for": "15m"}]
    assert spec["scaling"]["scaleDown"] == [{"below": 30, "for": "1h"}]
    assert spec["minReplicas"] == 2


@pytest.mark.usefixtures("operator")
def test_a_target_that_does_not_exist_is_reported_and_served_once_it_does(
    namespace: Namespace,
) -> None:
    namespace.apply(cluster())
    namespace.wait_until(lambda: namespace.condition("Ready").get("reason") == "TargetNotFound")
    condition = namespace.condition("Ready")
    assert "spec.targetRef: Deployment gateway" in condition["message"]
    note = namespace.wait_until(lambda: namespace.note("TargetNotFound"))
    assert "create it or correct its name" in note
    namespace.apply(gateways(replicas=2))
    namespace.wait_until(lambda: namespace.condition("Ready").get("status") == "True")
    assert namespace.reasons().count("TargetNotFound") == 1


@pytest.mark.usefixtures("operator")
def test_a_kind_that_does_not_exist_is_reported(namespace: Namespace) -> None:
    namespace.apply(cluster(targetRef={"kind": "Gatewayset", "name": "gateway"}))
    namespace.wait_until(lambda: "no kind Gatewayset" in namespace.note("TargetNotFound"))


@pytest.mark.usefixtures("operator")
def test_a_rule_that_only_the_operator_can_check_becomes_a_condition(namespace: Namespace) -> None:
    namespace.apply(_recurring(rrule="FREQ=MONTHLY;BYDAY=1XX"))
    path = f"/apis/imchat.dev/v1alpha1/namespaces/{namespace.name}/maintenancewindows/w"

    def condition() -> dict[str, Any]:
        found = namespace.get(path) or {}
        return dict(next(iter(found.get("status", {}).get("conditions", [])), {}))

    namespace.wait_until(lambda: condition().get("reason") == "WindowInvalid")
    assert "spec.schedules[0].recurring.rrule" in condition()["message"]
    namespace.wait_until(lambda: namespace.reasons("MaintenanceWindow") == ["WindowInvalid"])
