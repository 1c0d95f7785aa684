"""How long to wait before asking a server again."""

from __future__ import annotations

import logging
import random
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

import tenacity

from mmaq.base import stopping

LONGEST = 600.0
"""Seconds: a server that asks for more is asked again after this."""

LOG = logging.getLogger(__name__)


def wait(seconds: float) -> None:
    """Sleep. Everything here waits through this one function, so that tests can skip it."""
    stopping.pause(seconds)


class TryAgain(Exception):
    """An attempt failed in a way that may pass.

    ``fault`` is what happened and where, without a secret; ``after`` the seconds the server asked
    for, None when it named none.
    """

    def __init__(self, where: str, fault: str, after: float | None = None) -> None:
        super().__init__(f"{where}: {fault}")
        self.where, self.fault, self.after = where, fault, after


def retry_after(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks for, given as seconds or as a date (RFC 9110).

    At most ``LONGEST``, and None for a header that is absent or neither.
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            moment = parsedate_to_datetime(header)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        seconds = (moment - datetime.now(timezone.utc)).total_seconds()
    return min(max(seconds, 0.0), LONGEST)


def backoff(attempt: int) -> float:
    """Seconds before the attempt after ``attempt`` (from 1): 2, 4, 8, ... 60, a quarter random.

    Five of them last a minute: the span over which most services count requests.
    """
    return min(2.0**attempt, 60.0) * random.uniform(0.75, 1.0)


def retrying(attempts: int) -> tenacity.Retrying:
    """Calls a function until it raises something else than TryAgain, at most ``attempts`` times.

    The last TryAgain is raised.
    """
    return tenacity.Retrying(
        stop=tenacity.stop_after_attempt(attempts),
        wait=_seconds,
        retry=tenacity.retry_if_exception_type(TryAgain),
        before_sleep=_tell,
        sleep=lambda seconds: wait(seconds),
        reraise=True,
    )


def _seconds(state: tenacity.RetryCallState) -> float:
    fault = state.outcome.exception() if state.outcome else None
    after = fault.after if isinstance(fault, TryAgain) else None
    return backoff(state.attempt_number) if after is None else after


def _tell(state: tenacity.RetryCallState) -> None:
    fault = state.outcome.exception() if state.outcome else None
    LOG.warning("%s; asked again in %.0f s", fault, state.upcoming_sleep)
