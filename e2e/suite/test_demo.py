"""The README's demo happens from beginning to end."""

import subprocess
import sys

_SECONDS = 420


def test_every_part_of_the_demo_happens() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo"],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every part of the story happened" in done.stdout
    for told in ("GatewayReplaced", "ScalingUp", "HeldByWindow", "ScaledDown"):
        assert told in done.stdout
