"""One ImChatCluster as the API server has it: read, and written for the version that was judged.

Every write carries the resourceVersion of the body that it is for, so that what somebody else wrote
meanwhile is never lost: it is refused (409), and the object is to be read again.
"""

from http import HTTPStatus

import structlog

from imchat_operator.core.claims import Claim
from imchat_operator.core.snapshot import Cluster
from imchat_operator.models import GROUP, VERSION, ImChatClusterStatus
from imchat_operator.shell.kube import MERGE_PATCH, Api, ApiError, Json, Resource
from imchat_operator.shell.resources import claim_of, cluster_of, lost, slim

_LOG = structlog.get_logger(__name__)

CLUSTERS = Resource(group=GROUP, version=VERSION, plural="imchatclusters")

# Only while gateways are being drained: so that a deletion can't forget them, and an operator
# that is away holds up no other.
_FINALIZER = f"{GROUP}/drains"

_ASKED = ("generation", "labels", "annotations", "deletionTimestamp")


class StoredCluster:
    """The object, in the latest version that was seen or written.

    Attributes:
        body: that version, without what nobody here reads. The watch may replace it at any await.
    """

    def __init__(self, api: Api, body: Json) -> None:
        self._api = api
        self.body = slim(body)
        self._path = CLUSTERS.path(body["metadata"]["namespace"], body["metadata"]["name"])
        self._is_pruned = False

    @property
    def cluster(self) -> Cluster:
        """Its identity."""
        return cluster_of(self.body)

    @property
    def claim(self) -> Claim | None:
        """Which workload it names; None where that can't be understood."""
        return claim_of(self.body)

    def seen(self, body: Json) -> bool:
        """Take over a version that is newer; return whether something else is asked for by it.

        The watch may deliver a version after the answer to that or a later write of ours.
        """
        old, new = self.body["metadata"], body["metadata"]
        if int(new["resourceVersion"]) <= int(old["resourceVersion"]):
            return False
        self.body = slim(body)
        return any(old.get(key) != new.get(key) for key in _ASKED)

    async def read(self) -> bool:
        """Read the latest version; return whether there still is one.

        Raises:
            ApiError: the API server has another reason to give no answer than that it is gone.
            aiohttp.ClientError, TimeoutError, OSError: it does not answer.
        """
        try:
            body = await self._api.request("GET", self._path)
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return False
            raise
        if body["metadata"]["uid"] != self.body["metadata"]["uid"]:
            return False  # another object of the same name, which has a loop of its own
        self.body = slim(body)
        return True

    async def with_finalizer(self, body: Json, *, present: bool) -> Json:
        """Have that version held from deletion, or not any more; return the one that is."""
        meta = body["metadata"]
        before = meta.get("finalizers", [])
        after = [f for f in before if f != _FINALIZER] + [_FINALIZER] * present
        if set(after) == set(before):
            return body
        patch = {"metadata": {"resourceVersion": meta["resourceVersion"], "finalizers": after}}
        patched = await self._api.request("PATCH", self._path, body=patch, content_type=MERGE_PATCH)
        self.body = slim(patched)
        return self.body

    async def with_status(self, body: Json, status: ImChatClusterStatus) -> Json:
        """Write the status of that version; return the one that has it."""
        full = {**body, "status": status.to_json(sparse=True)}
        stored = await self._api.request("PUT", f"{self._path}/status", body=full)
        self.body = self._whole(full["status"], slim(stored))
        return self.body

    def _whole(self, sent: Json, stored: Json) -> Json:
        """Return an object as it was stored, with the status that was sent.

        A definition that is older than this operator drops the fields that it does not know. What
        is in them is remembered here until the end of the process; else each pass would miss them
        and write them again.
        """
        field = lost(sent, stored.get("status"))
        if not field:
            return stored
        if not self._is_pruned:
            dropped = f"the definition {CLUSTERS.plural}.{GROUP} drops status{field}"
            _LOG.warning(dropped, todo="apply the CRDs of this version")
        self._is_pruned = True
        return {**stored, "status": sent}
