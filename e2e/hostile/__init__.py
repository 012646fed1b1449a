"""What a cluster can throw at the operator through its own API: bad objects, odd clocks, no rights.

`schema` reads the fields of both kinds out of their CRDs and makes values at and beyond each bound,
so that a new field is tried without a word here. `stage` runs an operator on a live fleet and tells
whether it took something badly. The tests use both on a real API server.
"""
