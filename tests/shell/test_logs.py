"""The log: one form for all records, and no credential in any."""

import asyncio
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
import uvloop

from imchat_operator.shell import logs

CANARY = "canary-7f3a9c1e5b"


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


def last(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """Return the one record that was written."""
    [line] = capsys.readouterr().err.splitlines()
    found: dict[str, object] = json.loads(line)
    return found


def test_our_records_and_those_of_libraries_have_the_same_form(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("json")
    structlog.contextvars.bind_contextvars(namespace="chat", cluster="main", decision="d1")
    structlog.get_logger("imchat_operator.shell.x").info("Scale gateway: done", action="Scale")
    ours = last(capsys)
    logging.getLogger("kopf.activities").warning("it %s", "waits", extra={"k8s_skip": True})
    theirs = last(capsys)
    shared = {"namespace": "chat", "cluster": "main", "decision": "d1"}
    assert {k: v for k, v in ours.items() if k != "timestamp"} == {
        **shared,
        "level": "info",
        "logger": "imchat_operator.shell.x",
        "message": "Scale gateway: done",
        "action": "Scale",
    }
    assert {k: v for k, v in theirs.items() if k != "timestamp"} == {
        **shared,
        "level": "warning",
        "logger": "kopf.activities",
        "message": "it waits",
    }
    assert str(ours["timestamp"]).endswith("Z")


def test_an_exception_is_one_record_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    try:
        raise ValueError("it broke")  # noqa: TRY301 -- for its traceback
    except ValueError:
        logging.getLogger("aiohttp.server").exception("a handler failed")
    found = last(capsys)
    assert found["message"] == "a handler failed"
    assert "ValueError: it broke" in str(found["exception"])
    assert "Traceback" in str(found["exception"])


def test_what_befell_a_connection_is_its_users_to_tell(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")

    async def fails() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(logs.tell_of_loop)
        for message, context in (
            ("Fatal error on transport", {"transport": asyncio.Transport()}),
            ("Task exception was never retrieved", {}),
        ):
            loop.call_exception_handler({"message": message, "exception": OSError()} | context)

    uvloop.run(fails())
    assert last(capsys)["message"] == "Task exception was never retrieved"


def test_text_has_the_message_first_and_the_traceback_last(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("text")
    structlog.contextvars.bind_contextvars(cluster="main")
    try:
        raise ValueError("it broke")  # noqa: TRY301 -- for its traceback
    except ValueError:
        structlog.get_logger("imchat_operator.x").warning("pass failed", exc_info=True)
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.endswith("warning  imchat_operator.x: pass failed cluster='main'")
    assert rest[-1] == "ValueError: it broke"


def test_records_below_info_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    logging.getLogger("asyncio").debug("a slow callback")
    logging.getLogger("kopf.objects").info("an event")
    structlog.get_logger("imchat_operator.x").debug("detail")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(f"Authorization: Bearer {CANARY}", id="a header"),
        pytest.param(f"<CIMultiDictProxy('Authorization': 'Bearer {CANARY}')>", id="headers"),
        pytest.param(f"Basic {CANARY}==", id="basic authentication"),
        pytest.param(f"http://user:{CANARY}@prometheus:9090/x", id="a URL's userinfo"),
        pytest.param(f"token: {CANARY}", id="a kubeconfig's token"),
        pytest.param(f'{{"token": "{CANARY}"}}', id="the same in JSON"),
        pytest.param(f"client-key-data: {CANARY}", id="a kubeconfig's key"),
        pytest.param(f"password={CANARY}", id="a password"),
        pytest.param(f"eyJhbGciOiJSUzI1NiJ9.{CANARY}.{CANARY}", id="a web token by itself"),
        pytest.param(f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n", id="a key"),
    ],
)
@pytest.mark.parametrize("form", ["json", "text"])
def test_a_credential_is_never_written(
    secret: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(form)
    log = structlog.get_logger("imchat_operator.x")
    log.info("a message", error=secret)
    log.info(secret)
    logging.getLogger("aiohttp.client").warning("failed: %r", RuntimeError(secret))
    try:
        raise RuntimeError(secret)  # noqa: TRY301 -- for its traceback
    except RuntimeError:
        log.exception("pass failed")
    written = capsys.readouterr().err
    assert written.count("[redacted]") >= 4
    assert CANARY not in written
    if form == "json":
        assert [json.loads(line)["level"] for line in written.splitlines()]


def test_a_credential_is_not_written_by_its_name_either() -> None:
    headers = {"Authorization": CANARY, "Accept": "application/json"}
    assert logs.redacted({"headers": [headers], "seconds": 1.5, "where": None}) == {
        "headers": [{"Authorization": "[redacted]", "Accept": "application/json"}],
        "seconds": 1.5,
        "where": None,
    }


def test_what_is_no_credential_stays() -> None:
    text = (
        "GET http://10.0.0.7:8080/metrics: token expired; bearer of news; "
        "mail ops@example.org; 2 → 4 gateways"
    )
    assert logs.redacted(text) == text
