"""The command line: `python -m hpa_conformance --cases 1000 --seed 1`.

Starts a control plane of its own, prints each difference with its case, and how often each reason
came up.
Exit status: 0 no difference, 1 some.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter

import controlplane
from hpa_conformance import cases, paper, real


async def main(seed: int, count: int) -> int:
    """Play and compare cases; give the exit status."""
    _say(f"Playing {count} cases of seed {seed}; 1,000 take some minutes.")
    started = time.monotonic()
    flags = {"kube-controller-manager": real.CONTROLLER_FLAGS}
    with controlplane.running(flags=flags) as control_plane:
        async with real.stage(control_plane.kubeconfig) as stage:
            played = await stage.play(cases.chosen(seed, count))
    differing = 0
    reasons: Counter[str] = Counter()
    for each in played:
        reasons.update(decision.why for decision in paper.decisions(each.case, each.moments))
        if found := paper.differences(each):
            differing += 1
            _say("\n  ".join((str(each.case), *found)))
    replays = sum(each.attempts - 1 for each in played)
    seconds = time.monotonic() - started
    _say(
        f"{len(played)} cases with {reasons.total()} syncs, of which {differing} cases differ; "
        f"{replays} were late and played again; {seconds:.0f} s."
    )
    for reason, times in reasons.most_common():
        _say(f"{times:6} {reason}")
    return 1 if differing else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m hpa_conformance", description=__doc__)
    parser.add_argument("--cases", type=int, default=1000, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of what (default: %(default)s)")
    options = parser.parse_args()
    sys.exit(asyncio.run(main(options.seed, options.cases)))
