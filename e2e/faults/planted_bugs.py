"""The planted bugs: what is replaced, and the plans that should tell."""

# ruff: noqa: E501 -- lines of the operator as they are

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """One bug: `old` becomes `new` in `file`, and one of `plans` should go wrong."""

    name: str
    file: str
    old: str
    new: str
    plans: tuple[str, ...]


BUGS: tuple[Bug, ...] = (
    Bug(
        name="acts before it records",
        file="shell/reconcile.py",
        old="""        with telemetry.stage("record"):
            stored = await self._recorded(body, decision, observation.snapshot.history)
""",
        new="""        self._outcomes = await self._acted(decision, snapshot, observation)
        with telemetry.stage("record"):
            stored = await self._recorded(body, decision, observation.snapshot.history)
""",
        plans=("scale-up",),
    ),
    Bug(
        name="writes the status over whatever there is",
        file="shell/stored.py",
        old="""        full = {**body, "status": status.to_json(sparse=True)}
        stored = await""",
        new="""        meta = {k: v for k, v in body["metadata"].items() if k != "resourceVersion"}
        full = {**body, "metadata": meta, "status": status.to_json(sparse=True)}
        stored = await""",
        plans=(
            "heal kill-stale@12",
            "heal kill-stale@17",
            "scale-down kill-stale@16",
        ),
    ),
    Bug(
        name="judges the old object again after a conflict",
        file="shell/stored.py",
        old="        self.body = slim(body)\n        return True\n",
        new="        return True\n",
        plans=("heal touched@2", *(f"heal watch-held@{at} touched@3" for at in range(3, 9))),
    ),
    Bug(
        name="ends its loop at an error",
        file="shell/reconcile.py",
        old="            return self._failed(error)\n        self._failures = 0\n",
        new="            raise\n        self._failures = 0\n",
        plans=("heal cut@1", "heal cut@3"),
    ),
    Bug(
        name="drains without a finalizer",
        file="shell/reconcile.py",
        old="        if is_held and not is_leaving:\n",
        new="        if False:\n",
        plans=("delete",),
    ),
    Bug(
        name="keeps its finalizer",
        file="shell/reconcile.py",
        old="        if not is_held:\n            await self._object.with_finalizer(body, present=False)\n"
        "        return",
        new="        return",
        plans=("delete",),
    ),
    Bug(
        name="names an Event anew each time",
        file="shell/events.py",
        old="        **_latest(event, name=event.name, namespace=namespace),\n",
        new='        **_latest(event, name=f"{event.name}{time.time_ns()}", namespace=namespace),\n',
        plans=("heal kill-committed@8", "heal lost@8", "heal kill-committed@9", "heal lost@10"),
    ),
    Bug(
        name="forgets an Event that was refused for now",
        file="shell/events.py",
        old="                self._failed(event, error)\n                break\n",
        new="                self._failed(event, error)\n                is_settled = True\n",
        plans=(
            "scale-up broken@5",
            "scale-up broken@6",
            "scale-up broken@4",
            "scale-up broken@7",
        ),
    ),
    Bug(
        name="posts an Event that is there already for ever",
        file="shell/events.py",
        old="                return True  # it is there already\n",
        new="                return False\n",
        plans=(
            "heal kill-committed@5",
            "heal kill-committed@6",
        ),
    ),
    Bug(
        name="posts Events before it records",
        file="shell/reconcile.py",
        old="        if status != history:\n            body",
        new="        await self._events.post(status.pending_events)\n"
        "        if status != history:\n            body",
        plans=(
            "heal kill-before@5",
            "heal conflict@5",
            "heal kill-before@6",
        ),
    ),
    Bug(
        name="keeps what a relist does not have",
        file="shell/reflector.py",
        old='        found, version = dict[str, T](), ""\n',
        new='        found, version = {**self.items}, ""\n',
        plans=("heal watch-missed@4", "heal watch-missed@3", "heal watch-missed@5"),
    ),
    Bug(
        name="watches on from where it was after 410",
        file="shell/reflector.py",
        old='            except _GoneError:\n                version = ""\n',
        new="            except _GoneError:\n                await asyncio.sleep(1)\n",
        plans=(
            "heal pods-gone@3",
            "heal pods-gone@4",
        ),
    ),
    Bug(
        name="does not list again after HTTP 410",
        file="shell/reflector.py",
        old="            if error.status == HTTPStatus.GONE:\n                raise _GoneError from error\n"
        "            raise\n",
        new="            if error.status == HTTPStatus.GONE:\n                await asyncio.sleep(3600)\n"
        "            raise\n",
        plans=(
            "heal pods-gone-http@3",
            "heal pods-gone-http@4",
        ),
    ),
    Bug(
        name="begins on what a late watch shows",
        file="shell/reconcile.py",
        old="if is_turn and await self._observer.catch_up():",
        new="if False:",
        plans=("storm watch-missed@3", "storm watch-missed@8 away@1", "storm watch-missed@2"),
    ),
    Bug(
        name="takes an API server that is away for a budget's refusal",
        file="core/repairing.py",
        old="""    answer = _refusal(snapshot, drain)
    is_late = now - blocked.phase_since >= limit
    if answer is None:
""",
        new="""    answer = _answer(snapshot, drain)
    is_late = now - drain.phase_since >= limit
    if answer is None or not answer.refused:
""",
        # One time of 5 s at the eviction, the next one where it is asked for again.
        plans=tuple(f"heal down@{at} down@{at + 1}" for at in (13, 12, 14, 11, 15, 16)),
    ),
    Bug(
        name="misses deletions",
        file="shell/reflector.py",
        old="            self.items.pop(uid, None)\n            self._on_change()\n",
        new="            pass\n",
        plans=("heal", "scale-down"),
    ),
    Bug(
        name="removes a gateway with a few connections left",
        file="core/draining.py",
        old="if held <= residual and (",
        new="if held <= residual + 20 and (",
        plans=("by-hand",),
    ),
    Bug(
        name="takes a deadline that is a tenth of what is asked for",
        file="core/draining.py",
        old="    is_due = took >= snapshot.spec.draining.deadline\n",
        new="    is_due = took >= snapshot.spec.draining.deadline / 60\n",
        plans=("by-hand",),
    ),
    Bug(
        name="shrinks before all are drained",
        file="core/resizing.py",
        old="    if not _is_drained(resize, drains) or _may_be_too_much(load, resize, snapshot.spec):\n",
        new="    if _may_be_too_much(load, resize, snapshot.spec):\n",
        plans=("by-hand",),
    ),
    Bug(
        name="shrinks by one more than it drained",
        file="core/resizing.py",
        old="    return Scale(from_=resize.from_, to=resize.to, resource_version",
        new="    return Scale(from_=resize.from_, to=resize.to - (resize.to < resize.from_), "
        "resource_version",
        plans=("scale-down",),
    ),
    Bug(
        name="gives nothing back to a gateway that stays",
        file="core/readmission.py",
        old="        actions.extend(readmission(g))\n",
        new="        if not g.ready and g.accepting is not False:\n"
        "            actions.extend(readmission(g))\n",
        plans=("window", "delete"),
    ),
    Bug(
        name="gives back a gateway whose place another has",
        file="core/repairing.py",
        old="    if _has_lost_its_place(snapshot, drain, gateway):\n        return step\n",
        new="",
        plans=("leave-late",),
    ),
    Bug(
        name="knows a replacement by its age alone",
        file="core/repairing.py",
        old="    other = successor(snapshot, before, gateway)\n",
        new="    other = replacement(snapshot, before)\n",
        plans=("leave kill-stale@5", "leave kill-stale@4", "leave kill-stale@6"),
    ),
    Bug(
        name="leaves the rank of a victim that stays",
        file="core/readmission.py",
        old="        if g.deletion_cost == resizing.VICTIM_COST:\n",
        new="        if False:\n",
        plans=("window", "edit"),
    ),
    Bug(
        name="forgets its drains when it starts",
        file="shell/observe.py",
        old="        history = history_of(body)\n        found: Json",
        new="        history = history_of(body)\n"
        "        if not self._selector:\n"
        '            history = history.model_copy(update={"drains": ()})\n'
        "        found: Json",
        plans=(
            "heal kill-answered@8",
            "scale-down kill-answered@8",
        ),
    ),
    Bug(
        name="decides before it knows the windows",
        file="shell/reconcile.py",
        old="            await self._windows.listed.wait()\n",
        new="",
        plans=(
            "window kill-disordered@27",
            "window kill-disordered@28",
        ),
    ),
    Bug(
        name="lets a scale-down go on in a window",
        file="core/resizing.py",
        old='    if holds.down:\n        return f"undone, {holds.down}"\n',
        new="",
        plans=("window",),
    ),
    Bug(
        name="repairs in an emergency",
        file="core/consent.py",
        old="    if not window or patient.is_requested:\n",
        new="    if True:\n",
        plans=("emergency",),
    ),
    Bug(
        name="removes without an Event",
        file="core/repairing.py",
        old="        notices=on_both(snapshot, drain, reason, message),\n    )\n\n\ndef _replacing",
        new="    )\n\n\ndef _replacing",
        plans=("heal",),
    ),
    Bug(
        name="writes its status at every pass",
        file="core/status.py",
        old="    return after if moved and age >= _REFRESH * snapshot.spec.metrics.interval else before\n",
        new="    return after if age >= snapshot.spec.metrics.interval else before\n",
        plans=("heal",),
    ),
    Bug(
        name="tells of a change as of a state",
        file="core/outbox.py",
        old="        if notice.reason in STATES:\n",
        new="        if notice.reason in STATES or notice.reason == Reason.GATEWAY_DRAINING:\n",
        plans=("by-hand",),
    ),
    Bug(
        name="repairs more at a time than it may",
        file="core/consent.py",
        old="    most = facts.snapshot.spec.healing.max_concurrent\n",
        new="    most = 16\n",
        plans=("heal-two",),
    ),
    Bug(
        name="drains faster than it may",
        file="core/draining.py",
        old="connections_per_second=pace, deadline=deadline",
        new="connections_per_second=4 * pace, deadline=deadline",
        plans=("heal", "scale-down"),
    ),
    Bug(
        name="gives load balancers no time",
        file="core/draining.py",
        old="    waited = snapshot.now - drain.phase_since >= snapshot.spec.draining.deregister_delay\n",
        new="    waited = True\n",
        plans=("heal",),
    ),
    Bug(
        name="never gives a drain up",
        file="core/draining.py",
        old="    is_due = took >= snapshot.spec.draining.deadline\n",
        new="    is_due = False\n",
        plans=("heal --gateways 'ignores its drain'",),
    ),
    Bug(
        name="waits for a gateway that hangs for ever",
        file="core/draining.py",
        old="    return given_up or not gateway.running or is_cut_off\n",
        new="    return False\n",
        plans=(
            "by-hand --gateways 'hangs in its drain'",
            "delete-late --gateways 'hangs in its drain'",
        ),
    ),
    Bug(
        name="gives nothing back when its object is deleted",
        file="core/ending.py",
        old="            *readmissions(snapshot, frozenset(d.uid for d in drains), at_once=True),\n",
        new="",
        plans=("delete",),
    ),
    Bug(
        name="gives a gateway without a place back when its object is deleted",
        file="core/ending.py",
        old="    return (*outside[places(snapshot, target) :], *leaving)\n",
        new="    return ()\n",
        plans=("delete-late",),
    ),
    Bug(
        name="takes a gateway that does not tell for one that serves when its object is deleted",
        file="core/ending.py",
        old="    if not is_told and not isinstance(gateway.reading, Silent | Unreadable):\n",
        new="    if True:\n",
        plans=tuple(f"delete figures-broken@{at}" for at in (19, 20, 21, 22, 23, 24)),
    ),
    Bug(
        name="believes figures of before when its object is deleted",
        file="core/ending.py",
        old="    if not is_told and not isinstance(gateway.reading, Silent | Unreadable):\n",
        new="    if not isinstance(gateway.reading, Silent | Unreadable):\n",
        plans=("delete figures-absent@2 figures-stale@42 order-broken@2",),
    ),
    Bug(
        name="takes a gateway that can't be read for empty",
        file="shell/gateway.py",
        old="""        return Unreadable(why=f"its metrics lack {error.args[0]}")
""",
        new="""        return Reported(connections=0, capacity=100, draining=True)
""",
        plans=tuple(f"by-hand figures-partial@{at}" for at in (40, 60, 80, 100, 120)),
    ),
    Bug(
        name="gives an order to drain once",
        file="core/draining.py",
        old="    return Step(drain=drain, actions=(*isolation(gateway), *_told(snapshot, gateway, pace)))\n",
        new="    return Step(drain=drain, actions=isolation(gateway))\n",
        plans=("by-hand order-broken@1", "scale-down order-cut@1"),
    ),
    Bug(
        name="gives back what it drains",
        file="core/readmission.py",
        old="        if g.terminating or g.uid in drained or is_kept:\n",
        new="        if g.terminating or is_kept:\n",
        plans=("by-hand",),
    ),
    Bug(
        name="leaves an undone drain to its gateway",
        file="core/readmission.py",
        old="    if isinstance(reading, Reported) and reading.draining:\n",
        new="    if False:\n",
        plans=("delete", "window"),
    ),
    Bug(
        name="scales beside an autoscaler",
        file="core/ownership.py",
        old="    if snapshot.autoscalers:\n        rival",
        new="    if False:\n        rival",
        plans=("autoscaler",),
    ),
    Bug(
        name="goes on though somebody else has scaled",
        file="core/resizing.py",
        old="    return is_other or is_early or is_reverted(snapshot, target)\n",
        new="    return False\n",
        plans=("by-hand",),
    ),
    Bug(
        name="shrinks below minReplicas",
        file="core/scaling.py",
        old="    if size.replicas < floor.replicas:\n",
        new="    if False:\n",
        plans=("scale-down",),
    ),
    Bug(
        name="grows past maxReplicas",
        file="core/scaling.py",
        old="    if size.replicas > spec.max_replicas:\n        why",
        new="    if False:\n        why",
        plans=("scale-up",),
    ),
    Bug(
        name="repairs in a storm",
        file="core/consent.py",
        old="    if not facts.health.is_storm or patient.treatment is Treatment.REMOVE:\n",
        new="    if True:\n",
        plans=("storm",),
    ),
    Bug(
        name="moves a gateway that could not be evicted",
        file="core/consent.py",
        old="    if keeper is None or (keeper.yields",
        new="    if True or (keeper.yields",
        plans=("kept",),
    ),
    Bug(
        name="starts no replacement for a budget that asks for one",
        file="core/remediation.py",
        old="Treatment.KEEP or patient.keeper is not None\n",
        new="Treatment.KEEP\n",
        plans=("kept",),
    ),
    Bug(
        name="deletes a gateway that is well past its budget",
        file="core/repairing.py",
        old="    if not is_well:\n",
        new="    if True:\n",
        plans=("refused",),
    ),
    Bug(
        name="asks a budget for ever",
        file="core/repairing.py",
        old="    is_late = now - blocked.phase_since >= limit\n",
        new="    is_late = False\n",
        plans=("barred-set", "refused"),
    ),
    Bug(
        name="starts no other in the place of what a budget keeps",
        file="core/repairing.py",
        old="        return step if is_well else _with_another(snapshot, step, gateway)\n",
        new="        return step\n",
        plans=("barred",),
    ),
    Bug(
        name="asks a budget at every pass",
        file="shell/act.py",
        old="        if outcome is None or type(outcome.action) is not type(action) or _now() >= until:\n",
        new="        if True:\n",
        plans=("barred-set", "refused"),
    ),
    Bug(
        name="ends its loop at a conflict",
        file="shell/reconcile.py",
        old="                return await self._refreshed()\n",
        new="                return None\n",
        plans=("heal touched@2", "scale-up touched@2"),
    ),
    Bug(
        name="leaves its own finalizer to nobody",
        file="shell/reconcile.py",
        old="        is_held = _holds(decision) if is_leaving else decision.is_under_way\n",
        new="        is_held = decision.is_under_way\n",
        plans=tuple(f"delete broken@{at}" for at in (17, 16, 15, 18, 14, 19)),
    ),
    Bug(
        name="takes a Lease that is held",
        file="shell/leadership.py",
        old="        return self._clock() - self._since >= self._lasting\n",
        new="        return True\n",
        plans=("heal frozen@6",),
    ),
    Bug(
        name="never takes a Lease over",
        file="shell/leadership.py",
        old="        return self._clock() - self._since >= self._lasting\n",
        new="        return self._lease is None\n",
        plans=("heal frozen@6",),
    ),
    Bug(
        name="ends at an HTTP 410",
        file="shell/login.py",
        old='    if answer.status != HTTPStatus.GONE or "watch" not in request.url.query:\n',
        new="    if True:\n",
        plans=tuple(f"heal gone-http@{at}" for at in (2, 3, 4, 7, 8, 12, 16, 20)),
    ),
    Bug(
        name="ends after half a minute of refusals",
        file="shell/handlers.py",
        old="        return chain((0.5, 1.0, 2.0, 4.0, 8.0), repeat(15.0))\n",
        new="        return iter((0.5, 1.0))\n",
        plans=("heal down@3",),
    ),
)
