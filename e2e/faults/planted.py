"""Bugs that are planted into a copy of the operator, to see that the oracles find them.

Each is one text in one file that is replaced by another, and the plans by which it should be found.
"""

import dataclasses
import shutil
import tempfile
from pathlib import Path

from faults.campaign import Campaign
from faults.operators import Forkserver
from faults.plans import fault_of
from faults.planted_bugs import BUGS, Bug
from faults.stage import SOURCE, Stage
from faults.trial import Plan
from faults.workloads import WORKLOADS

__all__ = ["BUGS", "Bug", "found_by", "planted_text"]


def planted_text(bug: Bug, source: Path = SOURCE) -> str:
    """Return the file with the bug in it.

    Raises:
        ValueError: the text to be replaced is not there just once.
    """
    text = (source / "imchat_operator" / bug.file).read_text(encoding="utf-8")
    if text.count(bug.old) != 1:
        raise ValueError(f"{bug.name}: its text is {text.count(bug.old)} times in {bug.file}")
    return text.replace(bug.old, bug.new)


async def found_by(stage: Stage, sound: Campaign, bug: Bug) -> str:
    """Play the bug's plans on an operator that has it; return what told it, or nothing."""
    with tempfile.TemporaryDirectory(prefix="imchat-planted-") as name:
        tree = Path(name)
        package = tree / "imchat_operator"
        shutil.copytree(SOURCE / "imchat_operator", package)
        (package / bug.file).write_text(planted_text(bug), encoding="utf-8")
        async with Forkserver.running(tree) as forkserver:
            ill = Campaign(dataclasses.replace(stage, forkserver=forkserver), 1, sound)
            for plan in map(plan_of_words, bug.plans):
                result = await ill.judged(plan)
                if result.violations:
                    return f"{plan} -- {result.violations[0]}"
    return ""


def plan_of_words(words: str) -> Plan:
    """Return the plan that a command line's words say."""
    name, *faults = words.split()
    return Plan(workload=WORKLOADS[name], faults=tuple(map(fault_of, faults)))
