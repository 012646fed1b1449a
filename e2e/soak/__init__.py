"""A long run under faults: does the operator leak, drift, cut, or lose what it remembers?

`python -m soak --minutes 60` lives through simulated weeks (of four minutes each) with gateways,
clients and maintenance windows, while gateways crash and hang, nodes die, the operator is killed
and the API server stands still: at random, by a seed that is printed. It ends with a summary, and
fails if a check does.
"""
