"""Compares `imchat_operator.simulation.hpa` with the real HPA controller.

`python -m hpa_conformance --cases 1000` makes random cases from a seed. Each is an autoscaler, a
target, pods in random states, and what their metric says at each of up to eight syncs. The real
controller plays it on a local control plane and gets its figures from our `custom_metrics`; `step`
plays it on paper. After each sync the target's replicas, `status.desiredReplicas` and the reason in
the conditions have to be the same.

The time rules are played in real time. The controller asks for figures once per sync, and the
answer is held back until the sync's moment has come: the sync's time is ours. Moments are 2/3 s
apart and windows last 1, 3 or 5 s (or far longer than a case), so that none ends within 1/3 s of a
sync. A case that was held up by a busy machine so that this no longer holds is played again.
"""
