import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from imchat_operator.exposition import values_of
from scale_bench import connections, decisions, fleet
from scale_bench.audit import AuditLog
from scale_bench.figures import (
    Figure,
    Results,
    as_json,
    kept,
    line,
    percentile,
    slope_error,
    together,
)
from scale_bench.gateways import CAPACITY, answering
from scale_bench.table import ROWS, tables

MINE = "system:serviceaccount:scale:imchat-operator"


def figure(name: str = "cold-start", size: int = 100, *values: float) -> Figure:
    return Figure(name=name, size=size, values=values or (1.0,))


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        pytest.param(range(1, 101), 99, 99, id="of a hundred, all but one are not above it"),
        pytest.param(range(1, 11), 99, 10, id="of ten, the largest"),
        pytest.param([3, 1, 2], 50, 2, id="the median, whatever the order"),
        pytest.param([7], 99, 7, id="of one, that one"),
    ],
)
def test_a_percentile_is_the_nearest_rank(
    values: list[float], percent: float, expected: float
) -> None:
    assert percentile(values, percent) == expected


def test_a_line_through_points_on_one() -> None:
    assert line([(100, 5.0), (200, 7.0), (400, 11.0)]) == pytest.approx((3.0, 0.02))


def test_runs_come_together_value_by_value() -> None:
    first = [figure("cold-start", 100, 1.0), figure("cold-start", 300, 2.0)]
    second = [figure("cold-start", 100, 3.0)]
    assert together([first, second]) == (
        figure("cold-start", 100, 1.0, 3.0),
        figure("cold-start", 300, 2.0),
    )


def test_what_is_not_measured_again_stays(tmp_path: Path) -> None:
    old = Results(context={"pods": {"cores": 2}}, figures=(figure(), figure("rest-writes")))
    new = old.with_run("clusters", {"cores": 4}, [figure("cold-start", 100, 9.0)])
    file = tmp_path / "scale.json"
    file.write_text(as_json(new))
    assert kept(file) == Results(
        context={"pods": {"cores": 2}, "clusters": {"cores": 4}},
        figures=(figure("rest-writes"), figure("cold-start", 100, 9.0)),
    )


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text('{"figures": [{"scenario": "crash"}]}')
    with pytest.raises(ValueError, match=r"other\.json does not hold figures of this benchmark"):
        kept(file)


def test_the_tables_have_what_was_measured_and_a_fit_from_three_sizes_on() -> None:
    found = [figure("cold-start", size, size / 100, size / 50) for size in (100, 300, 1000)]
    text = tables(Results(context={}, figures=(*found, figure("rest-writes", 100, 0.0))))
    assert f"| {ROWS['cold-start'].title} | 1,000 clusters | 15 s | 10 to 20 | 2 | 3 s |" in text
    assert f"| {ROWS['rest-writes'].title} | 100 clusters | 0 |  | 1 | 0 |" in text
    fits = text.partition("for each 100 more")[2]
    assert "1.5 s | 100, 300, 1,000 clusters |" in fits
    assert ROWS["rest-writes"].title not in fits
    assert ROWS["memory-peak"].title not in text


def entry(user: str = MINE, stage: str = "ResponseComplete", **fields: Any) -> str:
    found = {
        "stage": stage,
        "verb": "patch",
        "requestURI": "/apis/apps/v1/namespaces/scale/deployments/c00001/scale",
        "user": {"username": user},
        "userAgent": "operator",
        "objectRef": {"resource": "deployments", "subresource": "scale", "name": "c00001"},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": "2026-11-26T12:00:00.250000Z",
        "stageTimestamp": "2026-11-26T12:00:00.750000Z",
        **fields,
    }
    return json.dumps(found) + "\n"


def test_the_audit_log_is_read_on_from_the_last_whole_line(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_text(entry(verb="get"))
    log = AuditLog(file)
    log.skip()
    later = entry(stage="ResponseStarted") + entry(user="system:admin") + entry()
    half = entry(verb="watch")
    file.write_text(entry(verb="get") + later + half[:40])
    (request,) = log.read(MINE)
    assert (request.resource, request.name, request.verb) == (
        "deployments/scale",
        "c00001",
        "patch",
    )
    assert request.is_write
    assert request.took == pytest.approx(0.5)
    file.write_text(entry(verb="get") + later + half)
    (watch,) = log.read(MINE)
    assert not watch.is_write


async def test_the_gateways_of_a_cluster_say_its_load_and_remember_who_asked() -> None:
    async with answering() as gateways, aiohttp.ClientSession() as session:
        gateways.load({"c00001": 85})
        for name in ("c00001", "c00002"):
            url = f"http://127.0.0.1:{gateways.port}/{name}/metrics"
            async with asyncio.timeout(10), session.get(url) as answer:
                text = await answer.text()
            percent = {"c00001": 85, "c00002": gateways.usual}[name]
            names = {"imchat_gateway_connections", "imchat_gateway_connections_max"}
            assert values_of(text, names) == {
                "imchat_gateway_connections": percent * CAPACITY // 100,
                "imchat_gateway_connections_max": CAPACITY,
            }
        assert [len(gateways.sampled[n]) for n in ("c00001", "c00002")] == [1, 1]
        gateways.load({"c00001": 50})
        assert gateways.sampled["c00001"] == []


def test_a_fleets_pods_are_where_its_gateways_answer() -> None:
    shape = fleet.Shape(port=4711, gateways=3, nodes=2)
    deployment, cluster = fleet.deployment("c00003", 3, shape), fleet.cluster("c00003", shape)
    pod = deployment["spec"]["template"]["spec"]
    assert deployment["spec"]["replicas"] == 3
    assert pod["nodeName"] == "kwok-001"
    assert pod["containers"][0]["ports"] == [{"containerPort": cluster["spec"]["gatewayPort"]}]
    assert cluster["spec"]["metrics"]["pods"]["path"] == "/c00003/metrics"


def test_a_decision_is_timed_for_each_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "_ROUNDS", 3)
    found = decisions.decided()
    assert {f.size for f in found} == set(decisions.SIZES)
    assert all(f.values[0] > 0 for f in found)


def test_returns_are_counted_by_the_second_from_when_the_gateway_left() -> None:
    def told(*reports: dict[str, int]) -> list[tuple[float, dict[str, dict[str, int]]]]:
        return [(0.0, {"returns": returns}) for returns in reports]

    # A second's count grows from report to report, and is left out once it is old.
    one = told({"99": 7, "101": 2}, {"99": 7, "101": 5}, {"101": 5, "103": 1})
    other = told({}, {"101": 1, "102": 2}, {"102": 2, "103": 1})
    assert connections.by_second([one, other], 100.7) == (0, 6, 2, 2)
    assert connections.by_second([[]], 100.0) == ()


def test_the_slope_of_a_line_is_known_as_well_as_its_points_lie_on_it() -> None:
    assert slope_error([(0, 1), (1, 3), (2, 5), (3, 7)]) == pytest.approx(0)
    # Residuals 1, -1, -1, 1 leave a variance of 2, and the places a sum of squares of 5.
    assert slope_error([(0, 1), (1, -1), (2, -1), (3, 1)]) == pytest.approx(1.96 * (2 / 5) ** 0.5)


def test_the_worst_second_and_the_worst_ten() -> None:
    course = connections.Course(returns=(0, 5, *(4,) * 10, 0, 30), cut=0, lost=0)
    assert (course.worst_second, course.worst_ten) == (30, 6.2)
    few = connections.Course(returns=(2, 3), cut=0, lost=0)
    assert (few.worst_second, few.worst_ten) == (3, 0.5)
    none = connections.Course(returns=(), cut=0, lost=0)
    assert (none.worst_second, none.worst_ten) == (0, 0)


def test_the_page_has_the_tables_of_what_was_measured() -> None:
    docs = Path(__file__).resolve().parents[2] / "docs"
    page = (docs / "benchmarks.md").read_text(encoding="utf-8")
    assert tables(kept(docs / "measured" / "scale.json")) in page
