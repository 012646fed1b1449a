"""Bugs that are planted into a copy of the operator, to see that the oracles find them.

Each is one text in one file that is replaced by another, and the plans by which it should be found.
"""

import dataclasses
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from faults.campaign import Campaign, is_unjudged
from faults.gateways import Ailment
from faults.operators import Forkserver
from faults.plans import fault_of
from faults.planted_bugs import BUGS, Bug
from faults.stage import SOURCE, Stage
from faults.trial import Plan
from faults.workloads import WORKLOADS

__all__ = ["BUGS", "Bug", "found_by", "indexed", "plan_of_words", "planted_text"]

_PATIENCE = 60.0  # a trial without a bug takes half of it, all steps together
_INDEX = Path(__file__).with_name("kopf_index.py")
_INDEXED = Bug(
    name="keeps its pods by @kopf.index",
    file="shell/observe.py",
    old="from imchat_operator.shell.reflector import",
    new="from imchat_operator.shell.kopf_index import",
    plans=(),
)


def planted_text(bug: Bug, source: Path = SOURCE) -> str:
    """Return the file with the bug in it.

    Raises:
        ValueError: the text to be replaced is not there just once.
    """
    text = (source / "imchat_operator" / bug.file).read_text(encoding="utf-8")
    if text.count(bug.old) != 1:
        raise ValueError(f"{bug.name}: its text is {text.count(bug.old)} times in {bug.file}")
    return text.replace(bug.old, bug.new)


async def found_by(stage: Stage, sound: Campaign, bug: Bug) -> str | None:
    """Play the bug's plans on an operator that has it; return what told it.

    Empty if nothing did, None if something may have, but the machine was too busy to be sure.
    """
    told: str | None = ""
    with _copied() as tree:
        (tree / "imchat_operator" / bug.file).write_text(planted_text(bug), encoding="utf-8")
        async with _campaign(stage, sound, tree) as ill:
            for plan in map(plan_of_words, bug.plans):
                result = await ill.judged(plan)
                if is_unjudged(result):
                    told = None
                elif result.violations:
                    return f"{plan} -- {result.violations[0]}"
    return told


@asynccontextmanager
async def indexed(stage: Stage, sound: Campaign, jobs: int) -> AsyncIterator[Campaign]:
    """Yield a campaign whose operators keep their pods by a plain `@kopf.index`."""
    with _copied() as tree:
        shell = tree / "imchat_operator" / "shell"
        shutil.copy(_INDEX, shell / "kopf_index.py")
        (shell / "observe.py").write_text(planted_text(_INDEXED), encoding="utf-8")
        async with _campaign(stage, sound, tree, jobs) as campaign:
            yield campaign


@contextmanager
def _copied() -> Iterator[Path]:
    """Yield a source tree with a copy of the operator in it."""
    with tempfile.TemporaryDirectory(prefix="imchat-planted-") as name:
        shutil.copytree(SOURCE / "imchat_operator", Path(name) / "imchat_operator")
        yield Path(name)


@asynccontextmanager
async def _campaign(
    stage: Stage, sound: Campaign, tree: Path, jobs: int = 1
) -> AsyncIterator[Campaign]:
    async with Forkserver.running(tree) as forkserver:
        hasty = dataclasses.replace(stage, forkserver=forkserver, patience=_PATIENCE)
        yield Campaign(hasty, jobs, sound)


def plan_of_words(words: str) -> Plan:
    """Return the plan that a command line's words say."""
    plain, _, ailment = words.partition(" --gateways ")
    name, *faults = plain.split()
    return Plan(
        workload=WORKLOADS[name],
        faults=tuple(map(fault_of, faults)),
        gateways=Ailment(ailment.strip("'") or Ailment.NONE),
    )
