"""`python -m rights_proof FOLDER`: exit status 0 if the operator's roles are what it uses."""

import sys
from pathlib import Path

import yaml

from harness.rights import INSTALLED
from rights_proof import complaints, granted, merged
from rights_proof.compare import UNREACHED


def main() -> int:
    """Compare, and tell; return the exit status."""
    folder = Path(sys.argv[1])
    found = merged(folder)
    if not found.used:
        print(f"No session left what operators used in {folder}: run the suites first.")  # noqa: T201
        return 1
    rights = granted(yaml.safe_load_all(INSTALLED.read_text(encoding="utf-8")))
    wrong = list(complaints(rights, found))
    for line in wrong:
        print(line)  # noqa: T201
    unreached = {use: why for use, why in UNREACHED.items() if use not in found.used}
    for use, why in unreached.items():
        print(f"excused: {use}: {why}")  # noqa: T201
    if not wrong:
        print(f"{len(rights)} rights are granted and used, but for {len(unreached)} excused.")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
