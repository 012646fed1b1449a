"""Every failure class, once with the operator and once with plain Kubernetes, in figures.

`python -m healing_bench` plays each scenario of `healing_bench.scenarios` on a real control plane
with real gateways and live clients, and prints the table of docs/healing.md.
"""
