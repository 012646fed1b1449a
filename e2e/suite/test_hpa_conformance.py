"""The HPA of the simulation decides as the real one; `make hpa-conformance` tries more cases."""

import re
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

import controlplane
from controlplane import ControlPlane
from controlplane.locations import named_context
from harness import Namespace
from hpa_conformance import cases, manifests, paper, real
from imchat_operator.simulation.hpa import DEFAULT_DOWN, DEFAULT_UP
from imchat_operator.simulation.hpa_model import Why

SEED = 1
COUNT = 60


@pytest.fixture
def asking_control_plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """A control plane whose HPA controller asks for figures several times a second."""
    if named_context() is not None:
        pytest.skip("the cluster that was named can't reach a server of figures on this machine")
    request.getfixturevalue("programs")
    flags = {"kube-controller-manager": real.CONTROLLER_FLAGS}
    with controlplane.running(flags=flags) as control_plane:
        yield control_plane


def with_one_pod_more(played: real.Played) -> real.Played:
    """A case as if the controller had wanted one replica more at its last sync."""
    *before, last = played.observed
    return replace(played, observed=(*before, replace(last, replicas=last.replicas + 1)))


async def test_random_cases_go_as_on_the_real_controller(
    asking_control_plane: ControlPlane,
) -> None:
    async with real.stage(asking_control_plane.kubeconfig) as stage:
        played = await stage.play(cases.chosen(SEED, COUNT))
    differences = {each.case: found for each in played if (found := paper.differences(each))}
    assert not differences
    assert len(played) == COUNT
    assert all(paper.differences(with_one_pod_more(each)) for each in played)
    reasons = {d.why for each in played for d in paper.decisions(each.case, each.moments)}
    assert reasons == set(get_args(Why))


def test_the_api_fills_in_the_default_behavior(kubeconfig: Path) -> None:
    name = f"defaults-{uuid.uuid4().hex[:8]}"
    namespace = Namespace(kubeconfig=kubeconfig, name="default")
    autoscaler = manifests.autoscaler(cases.case(SEED, 0), name)
    autoscaler["spec"]["behavior"] = {"scaleUp": {"selectPolicy": "Max"}}
    namespace.apply(autoscaler)
    try:
        path = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
        found = namespace.get(f"{path}/{name}")
    finally:
        namespace.kubectl("delete", "hpa", name)
    assert found is not None
    # The controller's flags give the rest.
    up, down = manifests.rules(DEFAULT_UP), manifests.rules(DEFAULT_DOWN)
    del up["tolerance"], down["tolerance"], down["stabilizationWindowSeconds"]
    behavior = found["spec"]["behavior"]
    for rules in (behavior["scaleUp"], behavior["scaleDown"], up, down):
        rules["policies"].sort(key=lambda policy: policy["type"])
    assert behavior == {"scaleUp": up, "scaleDown": down}


@pytest.mark.parametrize(
    ("flag", "default"),
    [
        pytest.param("tolerance", f"{DEFAULT_UP.tolerance}", id="the tolerance"),
        pytest.param(
            "downscale-stabilization",
            f"{DEFAULT_DOWN.stabilization_seconds // 60}m0s",
            id="how long it waits to shrink",
        ),
    ],
)
def test_the_controller_has_the_default(programs: dict[str, Path], flag: str, default: str) -> None:
    command = [str(programs["kube-controller-manager"]), "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    text = told[told.index(f"--horizontal-pod-autoscaler-{flag} ") :]
    found = re.search(r"\(default ([^)]+)\)", text)
    assert found is not None
    assert found[1] == default
