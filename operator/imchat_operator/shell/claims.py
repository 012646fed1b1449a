"""Who names which workload: the ImChatClusters of the watch, by what they want to act on."""

from imchat_operator.core.claims import Claim, Workload, elder


class Claims:
    """The claims of all ImChatClusters; each change returns the uids of those it concerns."""

    def __init__(self) -> None:
        self._workloads: dict[str, Workload] = {}
        self._claims: dict[Workload, dict[str, Claim]] = {}

    def elder(self, uid: str) -> Claim | None:
        """Return whom an ImChatCluster has to wait for, if anybody."""
        workload = self._workloads.get(uid)
        return elder(self._claims[workload].values(), uid) if workload is not None else None

    def changed(self, uid: str, claim: Claim | None) -> frozenset[str]:
        """Take over what an ImChatCluster names now; None where that can't be understood."""
        before = self._workloads.get(uid)
        if claim is not None and claim.workload == before:
            return frozenset()
        concerned = self.gone(uid)
        if claim is not None:
            self._workloads[uid] = claim.workload
            others = self._claims.setdefault(claim.workload, {})
            concerned |= others.keys()
            others[uid] = claim
        return concerned

    def gone(self, uid: str) -> frozenset[str]:
        """Forget an ImChatCluster."""
        workload = self._workloads.pop(uid, None)
        if workload is None:
            return frozenset()
        others = self._claims[workload]
        del others[uid]
        if not others:
            del self._claims[workload]
        return frozenset(others)
