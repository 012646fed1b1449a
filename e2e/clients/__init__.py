"""A fleet of WebSocket clients that counts what a user of the gateways would feel.

`python -m clients` plays a load trace against the ready gateways of a cluster (or a fixed list)
and prints one JSON line a second; `clients.fleet.ClientFleet` is the same as a library.
"""
