"""Where traces come from: a CSV file, or a range query to a Prometheus server.

Every error is a ValueError with one sentence that names the file or the option.
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from imchat_operator.http_session import TooLargeError, content
from imchat_operator.simulation.trace import Trace, from_csv, from_prometheus

# Prometheus answers with 11,000 points at most.
_POINTS_A_QUESTION = 10_000
_MOST_POINTS = 500_000
_MOST_BYTES = 4_000_000  # such an answer has 40 bytes a point
_TIMEOUT = aiohttp.ClientTimeout(total=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeQuery:
    """What to ask a Prometheus server for; the times have offsets."""

    url: str
    query: str
    start: datetime
    end: datetime
    step: timedelta


def csv_trace(path: Path) -> Trace:
    """Return the trace of a CSV file.

    Raises:
        ValueError: it can't be read, or has a line that is wrong.
    """
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            return from_csv(str(path), lines)
    except OSError as error:
        raise ValueError(f"--trace {path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"--trace {path} can't be read: it is not UTF-8") from None


def prometheus_trace(asked: RangeQuery) -> Trace:
    """Return the trace that a Prometheus server tells.

    Raises:
        ValueError: it can't be asked, refuses the query, or has not one series.
    """
    points = (asked.end - asked.start) / asked.step
    if points < 1:
        raise ValueError("--end must be at least one --step later than --start")
    if points > _MOST_POINTS:
        raise ValueError(
            f"that are {points:.0f} points, the most is {_MOST_POINTS}: choose a longer --step"
        )
    try:
        return from_prometheus(asyncio.run(_answers(asked)))
    except (aiohttp.ClientError, TimeoutError) as error:
        why = str(error) or "no answer in time"
        raise ValueError(f"--url {asked.url} can't be asked: {why}") from None


async def _answers(asked: RangeQuery) -> list[Any]:
    answers = []
    part = (_POINTS_A_QUESTION - 1) * asked.step
    start = asked.start
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        while start <= asked.end:
            end = min(start + part, asked.end)
            answers.append(await _answer(session, asked, start, end))
            start = end + asked.step
    return answers


async def _answer(
    session: aiohttp.ClientSession, asked: RangeQuery, start: datetime, end: datetime
) -> Any:
    url = f"{asked.url.rstrip('/')}/api/v1/query_range"
    params: dict[str, str | float] = {
        "query": asked.query,
        "start": start.timestamp(),
        "end": end.timestamp(),
        "step": asked.step.total_seconds(),
    }
    async with session.get(url, params=params) as response:
        try:
            body = await content(response, _MOST_BYTES)
        except TooLargeError as error:
            raise ValueError(
                f"the answer has {error} and a trace is one series: put sum(...) around --query"
            ) from None
    try:
        return json.loads(body)
    except ValueError:
        raise ValueError(
            f"--url {asked.url} answers with status {response.status}, but not as Prometheus does"
        ) from None
