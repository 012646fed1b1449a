"""The two aggregated APIs over HTTP: discovery, custom metrics of pods, and PodMetrics.

The shapes are those of `k8s.io/metrics` (`custom_metrics/v1beta2`, `metrics/v1beta1`), errors are
`Status` objects. The API server has authorized a request before it comes here.
"""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from aiohttp import web

from custom_metrics.figures import PodFigures, Source
from custom_metrics.label_selector import matches, selector

CUSTOM = "custom.metrics.k8s.io"
CUSTOM_VERSION = "v1beta2"
RESOURCE = "metrics.k8s.io"
RESOURCE_VERSION = "v1beta1"

_CUSTOM_ROOT = f"/apis/{CUSTOM}/{CUSTOM_VERSION}"
_RESOURCE_ROOT = f"/apis/{RESOURCE}/{RESOURCE_VERSION}"
_ALL = "*"
_SOURCE: web.AppKey[Source] = web.AppKey("source")

Json = dict[str, Any]


def application(source: Source) -> web.Application:
    """The HTTP application that serves a source's figures."""
    app = web.Application()
    app[_SOURCE] = source
    app.add_routes(
        [
            web.get(_CUSTOM_ROOT, _custom_resources),
            web.get(f"{_CUSTOM_ROOT}/namespaces/{{namespace}}/pods/{{pod}}/{{metric}}", _custom),
            web.get(_RESOURCE_ROOT, _resources),
            web.get(f"{_RESOURCE_ROOT}/pods", _pod_metrics_list),
            web.get(f"{_RESOURCE_ROOT}/namespaces/{{namespace}}/pods", _pod_metrics_list),
            web.get(f"{_RESOURCE_ROOT}/namespaces/{{namespace}}/pods/{{pod}}", _pod_metrics),
        ]
    )
    return app


async def _custom_resources(_: web.Request) -> web.Response:
    # Metrics come and go with the figures; nobody needs their names to ask for one.
    return _resource_list(CUSTOM, CUSTOM_VERSION, [])


async def _resources(_: web.Request) -> web.Response:
    pods = {
        "name": "pods",
        "singularName": "",
        "namespaced": True,
        "kind": "PodMetrics",
        "verbs": ["get", "list"],
    }
    return _resource_list(RESOURCE, RESOURCE_VERSION, [pods])


async def _custom(request: web.Request) -> web.Response:
    pod, metric = request.match_info["pod"], request.match_info["metric"]
    if request.query.get("metricLabelSelector"):
        return _status(HTTPStatus.BAD_REQUEST, "metrics have no labels here")
    found = await _selected(request, metric)
    if isinstance(found, web.Response):
        return found
    values = [f for f in found if metric in f.custom and pod in {_ALL, f.pod}]
    if not values and pod != _ALL:
        return _status(HTTPStatus.NOT_FOUND, f"there is no {metric} of pod {pod}")
    return web.json_response(
        {
            "kind": "MetricValueList",
            "apiVersion": f"{CUSTOM}/{CUSTOM_VERSION}",
            "metadata": {},
            "items": [_metric_value(f, metric) for f in values],
        }
    )


async def _pod_metrics_list(request: web.Request) -> web.Response:
    found = await _selected(request, None)
    if isinstance(found, web.Response):
        return found
    return web.json_response(
        {
            "kind": "PodMetricsList",
            "apiVersion": f"{RESOURCE}/{RESOURCE_VERSION}",
            "metadata": {},
            "items": [_pod_metrics_of(f) for f in found if f.usage],
        }
    )


async def _pod_metrics(request: web.Request) -> web.Response:
    namespace, pod = request.match_info["namespace"], request.match_info["pod"]
    for each in await request.app[_SOURCE].figures(namespace, None):
        if each.pod == pod and each.usage:
            return web.json_response(_pod_metrics_of(each))
    return _status(HTTPStatus.NOT_FOUND, f"there is no usage of pod {namespace}/{pod}")


async def _selected(
    request: web.Request, metric: str | None
) -> Sequence[PodFigures] | web.Response:
    """The figures of the request's namespace that its label selector picks, or a refusal."""
    if request.query.get("fieldSelector"):
        return _status(HTTPStatus.BAD_REQUEST, "there are no field selectors here")
    try:
        wanted = selector(request.query.get("labelSelector", ""))
    except ValueError as error:
        return _status(HTTPStatus.BAD_REQUEST, str(error))
    found = await request.app[_SOURCE].figures(request.match_info.get("namespace"), metric)
    return [f for f in found if matches(wanted, f.labels)]


def _metric_value(figures: PodFigures, metric: str) -> Json:
    pod = {"kind": "Pod", "apiVersion": "/v1", "name": figures.pod}
    return {
        "describedObject": {**pod, "namespace": figures.namespace},
        "metric": {"name": metric, "selector": None},
        "timestamp": _time(figures.timestamp),
        "windowSeconds": figures.window_seconds,
        "value": f"{figures.custom[metric]}m",
    }


def _pod_metrics_of(figures: PodFigures) -> Json:
    return {
        "kind": "PodMetrics",
        "apiVersion": f"{RESOURCE}/{RESOURCE_VERSION}",
        "metadata": {
            "name": figures.pod,
            "namespace": figures.namespace,
            "labels": dict(figures.labels),
        },
        "timestamp": _time(figures.timestamp),
        "window": f"{figures.window_seconds}s",
        "containers": [
            {"name": container, "usage": dict(usage)}
            for container, usage in sorted(figures.usage.items())
        ],
    }


def _resource_list(group: str, version: str, resources: list[Json]) -> web.Response:
    return web.json_response(
        {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": f"{group}/{version}",
            "resources": resources,
        }
    )


def _status(code: HTTPStatus, message: str) -> web.Response:
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code.value,
        "reason": code.phrase.replace(" ", ""),
        "message": message,
    }
    return web.json_response(body, status=code)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
