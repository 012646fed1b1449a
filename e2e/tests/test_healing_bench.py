"""The pure parts of the healing benchmark: what looks say, the results file, the table."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clients.play import clients_for
from clients.trace import csv_trace
from healing_bench.figures import Figures, Results, Setting, Side, as_json, figures_from, kept
from healing_bench.scenarios import SCENARIOS
from healing_bench.stage import manifests, newcomers
from healing_bench.table import table, troubles
from healing_bench.watch import (
    Gateway,
    Life,
    Sample,
    Touched,
    cleared_at,
    gateway,
    reaction,
    touched,
    verdict,
    verdict_at,
    whole_since,
)

SETTING = Setting(clients=100, gateways=2, capacity=80, cap=420.0)
OLD, YOUNG = Life(uid="a", restarts=0), Life(uid="c", restarts=0)


def seen(
    uid: str, *, restarts: int = 0, is_ready: bool = True, is_leaving: bool = False
) -> Gateway:
    life = Life(uid=uid, restarts=restarts)
    return Gateway(life=life, node="n", is_ready=is_ready, is_leaving=is_leaving)


def sample(at: float, *gateways: Gateway, **report: int) -> Sample:
    told = {"target": 100, "connected": 100, "dropped": 0, "lost": 0, **report}
    named = {g.life.uid: g for g in gateways or (seen("a"), seen("b"))}
    return Sample(at=at, gateways=named, replicas=2, report=told)


@pytest.mark.parametrize(
    ("samples", "since"),
    [
        pytest.param([sample(1), sample(2)], 1, id="all well from the first look on"),
        pytest.param([sample(1, connected=97), sample(2)], 2, id="a client was without"),
        pytest.param([sample(1), sample(2, lost=1), sample(3, lost=1)], 2, id="a message was lost"),
        pytest.param([sample(1), sample(2, dropped=1)], 2, id="a connection was cut"),
        pytest.param([sample(1), sample(2, seen("a"))], None, id="a gateway is missing"),
        pytest.param(
            [sample(1, seen("a"), seen("b"), seen("c"))], None, id="a gateway too many is ready"
        ),
        pytest.param(
            [sample(1, seen("a"), seen("b", is_leaving=True), seen("c"))],
            1,
            id="a ready gateway that is being deleted does not count",
        ),
        pytest.param([sample(1, connected=97)], None, id="clients are without"),
        pytest.param([sample(1, connected=98)], 1, id="newcomers are on their way in"),
        pytest.param([replace(sample(1), report={})], None, id="nobody knows of the clients"),
        pytest.param([], None, id="nobody looked"),
    ],
)
def test_whole_is_a_fleet_where_nobody_feels_anything(
    samples: list[Sample], since: float | None
) -> None:
    assert whole_since(samples, frozenset()) == since


def test_a_fleet_is_not_whole_while_an_ill_gateway_serves_nor_after_it_but_in_its_next_life() -> (
    None
):
    ill = frozenset({OLD})
    restarted = sample(2, seen("a", restarts=1), seen("b"))
    assert whole_since([sample(1)], ill) is None
    assert whole_since([sample(1), restarted], ill) == 2
    assert whole_since([sample(1), sample(3, seen("c"), seen("b"))], ill) == 3


@pytest.mark.parametrize(
    ("after", "what"),
    [
        pytest.param(sample(2), None, id="nothing"),
        pytest.param(sample(2, seen("a", is_ready=False), seen("b")), None, id="only less ready"),
        pytest.param(sample(2, seen("a", restarts=1), seen("b")), "restarted", id="a restart"),
        pytest.param(sample(2, seen("a", is_leaving=True), seen("b")), "deleted", id="a deletion"),
        pytest.param(sample(2, seen("b")), "deleted", id="a pod that is gone"),
        pytest.param(sample(2, seen("a"), seen("b"), seen("c")), "replaced", id="a new pod"),
    ],
)
def test_kubernetes_reaction_is_the_first_change_to_the_pods(
    after: Sample, what: str | None
) -> None:
    assert reaction([sample(1), after]) == (what and (2, what))


def test_touched_pods_are_told_by_what_was_done_to_them() -> None:
    before = sample(1, seen("a"), seen("b"), seen("c"))
    done = touched(before, sample(9, seen("a"), seen("b", restarts=2), seen("d")))
    assert done == Touched(deleted=frozenset({"c"}), restarted=frozenset({"b"}))


def test_pods_are_cleared_when_none_of_them_is_there() -> None:
    samples = [sample(1), sample(2, seen("a"), seen("c")), sample(3, seen("c"))]
    assert cleared_at(samples, frozenset({"a", "b"})) == 3
    assert cleared_at(samples[:2], frozenset({"a", "b"})) is None


def test_a_calm_condition_is_no_verdict() -> None:
    def status(healing: str, blocked: str) -> dict[str, object]:
        kinds = {"Ready": "Odd", "Healing": healing, "RemediationBlocked": blocked}
        return {"conditions": [{"type": k, "reason": r} for k, r in kinds.items()]}

    assert verdict({}) == verdict(status("Watching", "NotBlocked")) == ""
    assert verdict(status("AllHealthy", "StormGate")) == "StormGate"
    samples = [sample(1), replace(sample(2), verdict="Remediating")]
    assert verdict_at(samples) == (2, "Remediating")
    assert verdict_at(samples[:1]) is None


def test_a_pod_is_read_as_the_api_server_gives_it() -> None:
    pod = {
        "metadata": {"name": "g", "uid": "u", "deletionTimestamp": "2026-11-23T13:30:09Z"},
        "spec": {"nodeName": "n"},
        "status": {
            "containerStatuses": [{"restartCount": 2}],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }
    assert gateway(pod) == Gateway(
        life=Life(uid="u", restarts=2), node="n", is_ready=True, is_leaving=True
    )
    assert not gateway({**pod, "status": {}}).is_ready


def figures(side: Side, **known: Any) -> Figures:
    base = Figures(scenario="hang", side=side, measured_at="2026-11-23T13:30:09+00:00")
    return replace(base, **known)


def results(*measured: Figures) -> Results:
    return Results(setting=SETTING, context={"cores": 2}, figures=measured)


def test_the_table_has_ours_beside_plain() -> None:
    ours = figures(
        Side.OURS,
        detected=31.0,
        restored=35.25,
        cleared=36.0,
        moved=1000,
        deleted=1,
        most_without=9,
    )
    plain = figures(Side.PLAIN, cut=1001, lost=5, restarted=3, bystanders=2)
    text = table(results(plain, ours), {"crash": "Crash", "hang": "Hang"})
    head, rule, row = (
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines()
    )
    assert len(head) == len(rule) == len(row)
    assert row == [
        "Hang",
        "31.0 / never",
        "35.2 / >420",
        "36.0 / stays",
        "0 / 1001",
        "1000 / 0",
        "0 / 5",
        "9 / 0",
        "1 deleted / 3 restarted, 2 bystanders",
    ]


def test_what_was_not_measured_is_a_question_mark_and_told() -> None:
    plain = figures(Side.PLAIN, trouble="it did not come up")
    text = table(results(plain), {"hang": "Hang"})
    assert text.splitlines()[-1].startswith("| Hang | ? / ? | ? / ? |")
    assert troubles([plain, figures(Side.OURS)]) == ["hang, plain: it did not come up"]


def test_a_results_file_gives_back_what_it_was_given_and_takes_figures_anew() -> None:
    first = figures(Side.OURS, detected=1.5, events=("0.1 GatewayUnhealthy: it hangs",))
    plain, second = figures(Side.PLAIN, cut=7), figures(Side.OURS, cut=3)
    whole = results(first).with_figures(plain)
    assert figures_from(as_json(whole), SETTING) == (first, plain)
    assert whole.with_figures(second).figures == (plain, second)


def test_a_results_file_of_another_setting_or_of_something_else_is_refused() -> None:
    text = as_json(results(figures(Side.OURS)))
    with pytest.raises(ValueError, match="can't stand beside"):
        figures_from(text, replace(SETTING, clients=99))
    with pytest.raises(ValueError, match="does not hold figures"):
        figures_from("{}", SETTING)
    assert kept(None, SETTING) == ()


def test_both_sides_have_the_same_gateways_but_for_the_readiness_gate() -> None:
    ours, plain = (manifests(side, SETTING, "lane-0") for side in (Side.OURS, Side.PLAIN))
    pod = ours[0]["spec"]["template"]["spec"]
    assert pod.pop("readinessGates") == [{"conditionType": "imchat.dev/accepting-connections"}]
    assert ours[:2] == plain
    assert [m["kind"] for m in ours] == ["Deployment", "PodDisruptionBudget", "ImChatCluster"]
    probe = pod["containers"][0]["livenessProbe"]
    assert (probe["periodSeconds"], probe["failureThreshold"]) == (10, 3)
    assert "healing" not in ours[2]["spec"], "it is measured with its defaults"


def test_newcomers_come_and_go_around_a_constant_number(tmp_path: Path) -> None:
    file = tmp_path / "newcomers.csv"
    file.write_text(newcomers(100))
    trace = csv_trace(file)
    assert clients_for(trace, 100)[:4] == (100, 98, 100, 98)
    assert trace.step == timedelta(seconds=1)


def test_scenarios_have_names_of_their_own_that_a_namespace_can_carry() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    assert len(set(names)) == len(names)
    assert all(f"{name}-plain".replace("-", "").isalnum() for name in names)
