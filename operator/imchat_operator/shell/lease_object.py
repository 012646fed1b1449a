"""The Lease of an election as an object of the API server: read, watched, created, replaced."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus

from imchat_operator.shell.kube import LEASES, Api, ApiError, Json
from imchat_operator.shell.reflector import Reflector
from imchat_operator.units import rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A Lease as it was read.

    Attributes:
        version: its resourceVersion.
        holder: who has it; nobody where it was given back.
        seconds: how long it lasts by its holder's word.
        epoch: how many have had it.
        body: the object itself.
    """

    version: int
    holder: str
    seconds: float
    epoch: int
    body: Json = field(compare=False)


def lease_of(found: Json) -> Lease:
    """Return what an election needs of a Lease."""
    spec = found.get("spec") or {}
    return Lease(
        version=int(found["metadata"]["resourceVersion"]),
        holder=spec.get("holderIdentity") or "",
        seconds=float(spec.get("leaseDurationSeconds") or 0),
        epoch=int(spec.get("leaseTransitions") or 0) + 1,
        body=found,
    )


class LeaseObject:
    """One Lease by its name, which lasts so many seconds when we write it.

    Every method raises what `Api.request` does.
    """

    def __init__(self, api: Api, namespace: str, name: str, seconds: float) -> None:
        self._api = api
        self._namespace = namespace
        self._seconds = seconds
        self._name = name

    def watched(self, on_change: Callable[[], None]) -> Reflector[Lease]:
        """Return a cache of this Lease alone."""
        return Reflector(
            self._api,
            LEASES.path(self._namespace),
            query={"fieldSelector": f"metadata.name={self._name}"},
            project=lease_of,
            on_change=on_change,
        )

    async def read(self) -> Lease | None:
        """Return the Lease; None if there is none."""
        try:
            return lease_of(await self._api.request("GET", self._path))
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def create(self, holder: str) -> Lease:
        """Make the Lease in its first epoch."""
        spec = {**self._spec(holder), "acquireTime": _now(), "leaseTransitions": 0}
        body: Json = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": spec,
        }
        return lease_of(await self._api.request("POST", LEASES.path(self._namespace), body=body))

    async def replace(self, lease: Lease, *, holder: str, epoch: int) -> Lease:
        """Write the Lease in the place of the version that was read, and of no other."""
        spec = {**(lease.body.get("spec") or {}), **self._spec(holder)}
        spec["leaseTransitions"] = epoch - 1
        if holder and holder != lease.holder:
            spec["acquireTime"] = _now()
        body = {**lease.body, "spec": spec}
        return lease_of(await self._api.request("PUT", self._path, body=body))

    @property
    def _path(self) -> str:
        return LEASES.path(self._namespace, self._name)

    def _spec(self, holder: str) -> Json:
        return {
            "holderIdentity": holder,
            "leaseDurationSeconds": max(1, round(self._seconds)),
            "renewTime": _now(),
        }


def _now() -> str:
    return rfc3339(datetime.now(UTC), "microseconds")
