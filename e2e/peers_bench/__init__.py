"""The operator beside the real HorizontalPodAutoscaler: same load, same clients, same moment.

`python -m peers_bench` plays a part of a recorded load, faster than life, against real gateways on
one real control plane. Each subject has gateways, nodes and clients of its own; all are played at
the same time. Gateways and nodes fail meanwhile. It prints the tables of docs/side-by-side.md.
"""
