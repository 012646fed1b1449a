"""What a test sets is what the HPA controller, kubectl and other clients of the API server read."""

from __future__ import annotations

import json
import ssl
import urllib.request
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

import custom_metrics
from controlplane.kubectl import kubectl
from controlplane.locations import named_context
from custom_metrics import Figures, PodFigures
from custom_metrics.label_selector import matches, selector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controlplane import ControlPlane

MEASURED = datetime(2026, 3, 1, 12, tzinfo=UTC)
SERVICE = "/api/v1/namespaces/kube-system/services/imchat-e2e-metrics"


class Reader:
    """Reads through the API server, as kubectl does."""

    def __init__(self, control_plane: ControlPlane, namespace: str) -> None:
        self._config = control_plane.kubeconfig
        self.namespace = namespace

    def run(self, *arguments: str) -> str:
        """Run kubectl; the result is what it prints."""
        done = kubectl(*arguments, f"--namespace={self.namespace}", kubeconfig=self._config)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refusal(self, *arguments: str) -> str:
        """Run kubectl, which has to fail; the result is why."""
        done = kubectl(*arguments, f"--namespace={self.namespace}", kubeconfig=self._config)
        assert done.returncode != 0
        return done.stderr

    def custom(self, path: str) -> dict[str, str]:
        """The values of a path of the custom metrics API, by pod."""
        root = f"/apis/custom.metrics.k8s.io/v1beta2/namespaces/{self.namespace}/pods"
        found = json.loads(self.run("get", "--raw", f"{root}/{path}"))
        return {each["describedObject"]["name"]: each["value"] for each in found["items"]}

    def usage(self, path: str) -> Any:
        """What the resource metrics API has at a path of the namespace."""
        root = f"/apis/metrics.k8s.io/v1beta1/namespaces/{self.namespace}/pods"
        return json.loads(self.run("get", "--raw", f"{root}{path}"))


@pytest.fixture
def figures() -> Figures:
    return Figures()


@pytest.fixture
def reader(control_plane: ControlPlane, figures: Figures) -> Iterator[Reader]:
    if named_context() is not None:
        pytest.skip("the cluster that was named can't reach a server of figures on this machine")
    with custom_metrics.running(control_plane.kubeconfig, figures):
        yield Reader(control_plane, f"figures-{uuid.uuid4().hex[:8]}")


def gateway(namespace: str, pod: str, *, app: str = "gateway", connections: int = 0) -> PodFigures:
    return PodFigures(
        namespace=namespace,
        pod=pod,
        labels={"app": app},
        custom={"connections": connections},
        usage={"gateway": {"cpu": "250m", "memory": "64Mi"}, "sidecar": {"cpu": "50m"}},
        timestamp=MEASURED,
        window_seconds=30,
    )


def test_custom_metrics_are_read_by_name_by_selector_and_all_at_once(
    reader: Reader, figures: Figures
) -> None:
    here = reader.namespace
    figures.put(
        gateway(here, "a", connections=1500),
        gateway(here, "b", connections=70_000),
        gateway(here, "c", app="other", connections=1),
        gateway("elsewhere", "a", connections=2),
    )
    assert reader.custom("*/connections") == {"a": "1500m", "b": "70000m", "c": "1m"}
    selected = "*/connections?labelSelector=app%20in%20(gateway)"
    assert reader.custom(selected) == {"a": "1500m", "b": "70000m"}
    assert reader.custom("b/connections") == {"b": "70000m"}
    assert reader.custom("*/nothing") == {}


def test_figures_are_replaced_and_forgotten_at_once(reader: Reader, figures: Figures) -> None:
    here = reader.namespace
    figures.put(gateway(here, "a", connections=1), gateway(here, "b", connections=1))
    assert reader.custom("*/connections") == {"a": "1m", "b": "1m"}
    figures.put(gateway(here, "a", connections=2))
    figures.forget(here, "b")
    assert reader.custom("*/connections") == {"a": "2m"}


def test_usage_has_containers_time_and_window_and_kubectl_sums_it_up(
    reader: Reader, figures: Figures
) -> None:
    figures.put(gateway(reader.namespace, "a"), gateway(reader.namespace, "b", app="other"))
    one = reader.usage("/a")
    assert one["containers"] == [
        {"name": "gateway", "usage": {"cpu": "250m", "memory": "64Mi"}},
        {"name": "sidecar", "usage": {"cpu": "50m"}},
    ]
    assert (one["timestamp"], one["window"]) == ("2026-03-01T12:00:00Z", "30s")
    listed = reader.usage("?labelSelector=app%21%3Dother")
    assert (listed["kind"], listed["items"]) == ("PodMetricsList", [one])
    assert reader.run("top", "pods", "--no-headers").split("\n")[0].split() == ["a", "300m", "64Mi"]
    assert "PodMetrics" in reader.run("api-resources", "--api-group=metrics.k8s.io")


def test_what_it_does_not_know_is_refused_in_a_sentence(reader: Reader, figures: Figures) -> None:
    figures.put(gateway(reader.namespace, "a"))
    pods = f"/apis/metrics.k8s.io/v1beta1/namespaces/{reader.namespace}/pods"
    assert f"there is no usage of pod {reader.namespace}/b" in reader.refusal(
        "get", "--raw", f"{pods}/b"
    )
    assert "is no label selector" in reader.refusal("get", "--raw", f"{pods}?labelSelector=%25")
    assert "there are no field selectors here" in reader.refusal(
        "get", "--raw", f"{pods}?fieldSelector=metadata.name%3Da"
    )


def test_nobody_but_the_api_server_gets_an_answer(reader: Reader) -> None:
    (port,) = json.loads(reader.run("get", "--raw", SERVICE))["spec"]["ports"]
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    with pytest.raises(
        OSError, match=r"(?i)certificate required|handshake failure|reset|without response"
    ):
        urllib.request.urlopen(
            f"https://127.0.0.1:{port['port']}/apis/metrics.k8s.io/v1beta1",
            context=unchecked,
            timeout=10,
        )


def test_a_second_server_is_refused_and_leaves_the_first_alone(
    control_plane: ControlPlane, reader: Reader, figures: Figures
) -> None:
    with (
        pytest.raises(Exception, match="already exists"),
        custom_metrics.running(control_plane.kubeconfig, figures),
    ):
        pytest.fail("two servers of the same API")
    assert "v1beta1.metrics.k8s.io" in reader.run("get", "apiservices")


@pytest.mark.parametrize(
    ("text", "labels", "is_met"),
    [
        pytest.param("", {}, True, id="nothing is asked for"),
        pytest.param("app=a", {"app": "a"}, True, id="equal"),
        pytest.param("app==a", {"app": "b"}, False, id="not equal"),
        pytest.param("app=a,tier=b", {"app": "a"}, False, id="all have to be met"),
        pytest.param("app!=a", {"app": "b"}, True, id="another value"),
        pytest.param("app!=a", {}, True, id="no value is another value"),
        pytest.param("app in (a,b),tier", {"app": "b", "tier": ""}, True, id="in a set"),
        pytest.param("app in (a, b)", {}, False, id="no value is in no set"),
        pytest.param("app notin (a,b)", {"app": "a"}, False, id="not in a set"),
        pytest.param("app", {"app": "a"}, True, id="it exists"),
        pytest.param("!app", {"app": "a"}, False, id="it must not exist"),
        pytest.param("imchat.dev/app=a.b-c_d", {"imchat.dev/app": "a.b-c_d"}, True, id="a prefix"),
    ],
)
def test_a_label_selector(text: str, labels: dict[str, str], *, is_met: bool) -> None:
    assert matches(selector(text), labels) is is_met


@pytest.mark.parametrize("text", ["%", "app in a", "app=a b", ",", "app in (a"])
def test_what_is_no_label_selector_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no label selector; write"):
        selector(text)
