"""Faults between the operator and all that it talks to, and oracles that watch what comes of them.

    python -m faults --help

A trial is one fleet in a namespace of its own, one operator process, and one proxy between that
operator and a real API server. A workload (heal, scale up, ...) is played once while the proxy, the
gateways or `kill -9` do what a plan says; then every revision of the API server is judged by the
oracles. docs/faults.md says what is injected, what is checked and what is not.
"""
