"""How the operator behaves at size: clusters, pods, events and connections by the thousand.

`python -m scale_bench` makes fleets of kwok's pods on a real control plane, measures, and prints
the tables of docs/benchmarks.md. kwok plays the kubelet: it says of a pod that it runs. What a
gateway says is said by one small server (`gateways`), for kwok's pods have nothing behind them.
"""
