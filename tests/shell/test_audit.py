"""Audit lines: in the log always, in the file if it can be; nothing stops for them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client import REGISTRY
from tests.core.fleet import CLUSTER

from imchat_operator.core.audit import Entry
from imchat_operator.shell.audit import Audit, AuditFile

DRAIN = Entry(
    decision="d2",
    origin="d1",
    action="StartDrain",
    kind="Pod",
    name="gateway-a",
    uid="uid-a",
    asked_by="kubectl-annotate",
    window="",
    approved_by="",
    reason="Remediating",
    why="DrainRequested: its annotation asks for it",
    before=(("replicas", 4), ("gatewayConnections", 250)),
    after=(("gatewayConnections", 0),),
    outcome="Done",
)


async def told(audit: Audit, *entries: Entry) -> None:
    """Have the entries of one pass told."""
    for entry in entries:
        await audit.tell(entry)
    audit.over()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def lost() -> float:
    return REGISTRY.get_sample_value("imchat_operator_audit_lines_lost_total") or 0


async def test_a_line_has_who_what_why_and_both_sides(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    await told(Audit(CLUSTER, AuditFile(path)), DRAIN)
    [found] = lines(path)
    assert found.pop("time").endswith("+00:00")
    assert found.pop("by").startswith("imchat-operator/")
    assert found == {
        "namespace": "chat",
        "cluster": "chat",
        "decision": "d2",
        "origin": "d1",
        "askedBy": "kubectl-annotate",
        "action": "StartDrain",
        "kind": "Pod",
        "object": "gateway-a",
        "uid": "uid-a",
        "pod": "gateway-a",
        "reason": "Remediating",
        "why": "DrainRequested: its annotation asks for it",
        "before": {"replicas": 4, "gatewayConnections": 250},
        "after": {"gatewayConnections": 0},
        "outcome": "Done",
    }
    assert path.stat().st_mode & 0o007 == 0, "not for everybody to read"


async def test_an_action_that_is_repeated_in_every_pass_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = Audit(CLUSTER, AuditFile(path))
    refused = replace(DRAIN, outcome="Refused", refused="no answer", after=())
    for entries in ((DRAIN,), (replace(DRAIN, decision="d3"),), (refused,), (refused,), (DRAIN,)):
        await told(audit, *entries)
    assert [(e["decision"], e["outcome"]) for e in lines(path)] == [
        ("d2", "Done"),
        ("d2", "Refused"),
        ("d2", "Done"),
    ]


async def test_an_action_after_a_pause_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = Audit(CLUSTER, AuditFile(path))
    for entries in ((DRAIN,), (), (DRAIN,)):
        await told(audit, *entries)
    assert len(lines(path)) == 2


async def test_the_log_has_every_line_with_or_without_a_file() -> None:
    with structlog.testing.capture_logs() as records:
        await told(Audit(CLUSTER, None), DRAIN, replace(DRAIN, refused="no answer", uid="uid-b"))
    assert [r["log_level"] for r in records] == ["info", "warning"]
    assert records[0]["event"] == "StartDrain gateway-a: done"
    assert records[0]["decision"] == "d2"
    assert records[0]["pod"] == "gateway-a"


async def test_lines_are_only_added(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text('{"from": "before"}\n', encoding="utf-8")
    await told(Audit(CLUSTER, AuditFile(path)), DRAIN)
    assert lines(path)[0] == {"from": "before"}
    assert len(lines(path)) == 2


async def test_a_file_that_was_rotated_away_is_made_anew(tmp_path: Path) -> None:
    path, old = tmp_path / "audit.jsonl", tmp_path / "audit.1"
    audit = Audit(CLUSTER, AuditFile(path))
    await told(audit, DRAIN)
    path.rename(old)
    await told(audit)
    await told(audit, DRAIN)
    assert len(lines(old)) == len(lines(path)) == 1


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(Path("/dev/full"), id="a full disk"),
        pytest.param(Path("/nowhere/audit.jsonl"), id="a directory that went"),
    ],
)
async def test_a_file_that_cant_be_written_is_told_and_stops_nothing(
    path: Path,
) -> None:
    before = lost()
    audit = Audit(CLUSTER, AuditFile(path))
    with structlog.testing.capture_logs() as records:
        await told(audit, DRAIN)
        await told(audit, replace(DRAIN, uid="uid-b"))
    assert lost() == before + 2
    assert [r["event"] for r in records if r["log_level"] == "info"] == [
        "StartDrain gateway-a: done"
    ] * 2
    errors = [r for r in records if r["log_level"] == "error"]
    assert len(errors) == 2
    assert errors[0]["file"] == str(path)
    assert errors[0]["why"]


async def test_a_disk_that_hangs_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe that nobody reads blocks whoever opens it, as a dead disk does."""
    import os  # noqa: PLC0415 -- for this pipe alone

    from imchat_operator.shell import audit as module  # noqa: PLC0415 -- same

    path, before = tmp_path / "pipe", lost()
    os.mkfifo(path)
    monkeypatch.setattr(module, "_PATIENCE", 0.2)
    file = AuditFile(path)
    await file.add("first")
    await file.add("second")
    assert lost() == before + 2
    reader = os.open(path, os.O_RDONLY)  # and the thread that hung goes on, to its end
    assert os.read(reader, 100) == b"first\n"
    os.close(reader)


async def test_a_torn_line_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    file = AuditFile(path)
    await file.add('{"n": 1}')
    file._is_torn = True  # noqa: SLF001 -- as after a write that was cut short by a full disk
    with path.open("a", encoding="utf-8") as torn:
        torn.write('{"n": ')
    await file.add('{"n": 2}')
    whole = [line for line in path.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
    assert whole == ['{"n": 1}', '{"n": 2}']
