from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from mmaq.services import waiting


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.0), ("-3", 0.0), ("100000", 600.0), (None, None), ("soon", None)],
)
def test_retry_after_in_seconds(header, seconds):
    assert waiting.retry_after(header) == seconds


def test_retry_after_as_a_date():
    moment = datetime.now(timezone.utc) + timedelta(seconds=90)
    assert waiting.retry_after(format_datetime(moment, usegmt=True)) == pytest.approx(90, abs=2)
    assert waiting.retry_after("Sun, 06 Nov 1994 08:49:37 GMT") == 0.0


def test_times_grow_and_end_at_a_minute():
    times = [waiting.backoff(attempt) for attempt in range(1, 12)]
    assert all(0.75 * 2**n <= time <= 2**n for n, time in enumerate(times[:5], 1))
    assert all(45 <= time <= 60 for time in times[5:])


def test_only_what_may_pass_is_tried_again(waits, caplog):
    calls = []

    def failing():
        calls.append(1)
        raise waiting.TryAgain("https://example.org/a", "answers 429", 5.0)

    with pytest.raises(waiting.TryAgain):
        waiting.retrying(3)(failing)
    assert len(calls) == 3
    assert waits == [5.0, 5.0]
    assert "https://example.org/a: answers 429; asked again in 5 s" in caplog.text
    with pytest.raises(KeyError):
        waiting.retrying(3)(lambda: {}["x"])
    assert len(waits) == 2
