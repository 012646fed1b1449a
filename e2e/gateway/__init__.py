"""The reference gateway: a real WebSocket server that keeps docs/gateway-contract.md.

`python -m gateway` runs one; `gateway.process` runs one for a test. It can be told to fail
the way real gateways do (`gateway.faults`), which makes it a tool for tests and demos only.
"""
