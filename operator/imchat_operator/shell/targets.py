"""A target as its scale subresource tells it, and who set its replicas."""

from dataclasses import replace
from http import HTTPStatus

from imchat_operator.core.decision import Outcome, Scale
from imchat_operator.core.snapshot import Target, TargetMissing
from imchat_operator.models import ImChatClusterStatus, TargetRef
from imchat_operator.shell.caches import Caches
from imchat_operator.shell.kube import Api, ApiError, Json
from imchat_operator.shell.objects import replicas_manager


class Targets:
    """Reads what one ImChatCluster scales; keeps the scale that was read last."""

    def __init__(self, api: Api, caches: Caches, namespace: str) -> None:
        self._api = api
        self._caches = caches
        self._namespace = namespace
        self._known_scale: tuple[str, Json] | None = None

    async def scale(self, ref: TargetRef, *, is_quiet: bool) -> tuple[Json | TargetMissing, str]:
        """Return the target's scale and its path.

        While all is quiet, one that was read before stands until the target changes. Who begins
        something on it is refused by its resourceVersion if it changed just now.

        Raises:
            ApiError, aiohttp.ClientError, TimeoutError: the API server can't tell.
        """
        resource = await self._api.resource(ref.api_version, ref.kind)
        if resource is None:
            why = f"spec.targetRef: the API server has no kind {ref.kind} in {ref.api_version}"
            return TargetMissing(why=why), ""
        path = resource.path(self._namespace, ref.name, "scale")
        if is_quiet and self._known_scale is not None:
            known_path, known = self._known_scale
            uid, version = known["metadata"]["uid"], known["metadata"]["resourceVersion"]
            latest = self._caches.target(resource, self._namespace, uid)
            if latest is not None and (known_path, version) == (path, latest.version):
                return known, path
        try:
            scale = await self._api.request("GET", path)
        except ApiError as error:
            if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}:
                raise
            why = f"spec.targetRef: {ref.kind} {ref.name} can't be scaled ({error}); "
            return TargetMissing(why=f"{why}create it or correct its name"), path
        if not scale.get("status", {}).get("selector"):
            why = f"spec.targetRef: {ref.kind} {ref.name} does not say which pods are its own"
            return TargetMissing(why=why), path
        self._known_scale = (path, scale)
        return scale, path

    async def judged(
        self,
        scale: Json,
        ref: TargetRef,
        history: ImChatClusterStatus,
        outcomes: tuple[Outcome, ...],
    ) -> Target:
        """Return what a scale tells; where it is not as we left it, with who has changed it.

        Raises:
            ApiError, aiohttp.ClientError, TimeoutError: the API server can't tell.
        """
        as_read = Target(
            kind=ref.kind,
            name=ref.name,
            replicas=scale["spec"].get("replicas", 0),
            resource_version=scale["metadata"]["resourceVersion"],
        )
        # A number that is as it was, though we have just changed it, was changed back.
        is_scaled = any(isinstance(o.action, Scale) and not o.refused for o in outcomes)
        is_at_stake = history.conflict is not None or is_scaled
        is_foreign = history.replicas not in {None, as_read.replicas} or is_at_stake
        return await self._owned(ref, as_read, scale["metadata"]["uid"]) if is_foreign else as_read

    async def _owned(self, ref: TargetRef, target: Target, uid: str) -> Target:
        """Return a target with the manager who set its replicas last; empty if that is unknown.

        The scale does not tell. Where the target has changed since that was read, the number is
        read anew too: one manager's number must not pass for another's.
        """
        resource = await self._api.resource(ref.api_version, ref.kind)
        if resource is None:
            return target
        seen = self._caches.target(resource, self._namespace, uid)
        if seen is not None and seen.version == target.resource_version:
            return replace(target, manager=seen.manager)
        try:
            found = await self._api.request("GET", resource.path(self._namespace, ref.name))
        except ApiError as error:
            if error.status in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}:
                return target
            raise
        if not (manager := replicas_manager(found)):
            return target
        return replace(
            target,
            replicas=found["spec"]["replicas"],
            resource_version=found["metadata"]["resourceVersion"],
            manager=manager,
        )
