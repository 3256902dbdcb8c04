"""How fast a task goes and when it will end, from what it has reported. Pure, and silent where there is no basis.

The rate is the one of the recent past: seconds by the agent's clock for a unit of work, over the newest samples. A
rate that differs between the halves of this window is no rate to go by, except for one pause, which is left out. So a
pace is unknown at first, after a change of speed until that is past, and while nothing is reported for long.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

WINDOW = 64  # samples, the newest, of a long past thinned to few
_LEAST_STRETCHES = 3
_STRETCHES = 8  # of equal work, into which the window is divided
_LEAST_S = 2.0  # a window shorter than this tells nothing of hours
_ALIKE = 1.5  # of two rates: how many times the one may be the other
_SILENCE = 3.0  # times the longest wait between two samples, after which nothing is known any more,
_LEAST_SILENCE_S = 30.0  # but not sooner
_MOST = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Sample:
    """So much was done at this time."""

    at_s: float  # since 1970
    done: float


@dataclass(frozen=True, slots=True)
class Pace:
    unit: str  # "epoch" or "step"
    bar: str | None  # the progress bar that counts the steps
    done: float
    total: float | None
    seconds_per_unit: float
    ends_at: datetime | None  # None: the whole is not known
    valid_until: datetime  # when nothing is reported until then, none of this is true any more


def pace_of(samples: Sequence[Sample], total: float | None, *, unit: str, bar: str | None = None) -> Pace | None:
    """The pace of work that is not done yet. `samples` in the order reported; None without a basis."""
    window = _window(samples)
    rate = _rate(window)
    if rate is None:
        return None
    last = window[-1]
    if total is not None and total <= last.done:
        return None
    silence_s = max(_SILENCE * max(b.at_s - a.at_s for a, b in pairwise(window)), _LEAST_SILENCE_S)
    left = None if total is None else (total - last.done) * rate
    is_known = left is not None and left < _MOST.total_seconds()
    return Pace(
        unit=unit,
        bar=bar,
        done=last.done,
        total=total,
        seconds_per_unit=rate,
        ends_at=_time(last.at_s + left) if left is not None and is_known else None,
        valid_until=_time(last.at_s + min(silence_s, _MOST.total_seconds())),
    )


def thinned(samples: Sequence[Sample], count: int = WINDOW) -> list[Sample]:
    """At most `count` of the samples, evenly, the last among them."""
    if len(samples) <= count:
        return list(samples)
    step = (len(samples) - 1) / (count - 1)
    return [samples[round(i * step)] for i in range(count)]


def rate_text(pace: Pace) -> str:
    """`3.1 s per epoch`, or `5.2 steps per second`."""
    if pace.unit == "step" and pace.seconds_per_unit < 1:
        return f"{_short(1 / pace.seconds_per_unit)} steps per second"
    return f"{_spell(pace.seconds_per_unit)} per {pace.unit}"


def left_text(pace: Pace, now: datetime) -> str:
    """`about 12 min left (14:32)`, by the clock of this place; empty where the end is not known."""
    if pace.ends_at is None:
        return ""
    left_s, ends = (pace.ends_at - now).total_seconds(), pace.ends_at.astimezone()
    at = f"{ends:%H:%M}" if ends.date() == now.astimezone().date() else f"{ends:%Y-%m-%d %H:%M}"
    if left_s < 60:
        return f"less than a minute left ({at})"
    return f"about {_spell(60 * round(left_s / 60))} left ({at})"


def _window(samples: Sequence[Sample]) -> list[Sample]:
    """The newest samples, each with more done than the one before: work that begins anew begins a new window."""
    window: list[Sample] = []
    for sample in samples:
        if window and (sample.done < window[-1].done or sample.at_s < window[-1].at_s):
            window = []
        if not window or sample.done > window[-1].done:
            window.append(sample)
    window = thinned(window)
    return window[-max(len(window) // 2, 2 * _STRETCHES + 1) :]  # the beginning of work is seldom like the rest


def _rate(window: Sequence[Sample]) -> float | None:
    """Seconds for a unit of work; None where the window is too short or knows no single rate."""
    count = min(len(window) - 1, _STRETCHES)
    if count < _LEAST_STRETCHES or window[-1].at_s - window[0].at_s < _LEAST_S:
        return None
    work = (window[-1].done - window[0].done) / count
    times = [_reached(window, window[0].done + i * work) for i in range(count)] + [window[-1].at_s]
    took = [b - a for a, b in pairwise(times)]
    for stretches in (took, _without_longest(took)):
        if len(stretches) >= _LEAST_STRETCHES and _is_regular(stretches):
            return sum(stretches) / len(stretches) / work
    return None


def _reached(window: Sequence[Sample], done: float) -> float:
    """When so much was done, between samples in proportion."""
    i = max(1, bisect_left(window, done, key=lambda sample: sample.done))
    a, b = window[i - 1], window[i]
    return a.at_s + (b.at_s - a.at_s) * (done - a.done) / (b.done - a.done)


def _without_longest(took: Sequence[float]) -> list[float]:
    i = max(range(len(took)), key=took.__getitem__)
    return [*took[:i], *took[i + 1 :]]


def _is_regular(took: Sequence[float]) -> bool:
    """Whether both halves took as long."""
    half = len(took) // 2
    first, second = sum(took[:half]) / half, sum(took[-half:]) / half
    return 0 < max(first, second) <= _ALIKE * min(first, second)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 10 else f"{number:.1f}"


def _spell(seconds: float) -> str:
    """`0.05 s`, `3.1 s`, `42 s`, `4 min 10 s`, `2 h 10 min`, `3 d 4 h`: two units at most."""
    if seconds < 0.1:
        return f"{seconds:.2g} s"
    if seconds < 59.5:
        return f"{_short(seconds)} s"
    left = round(seconds)
    parts = [(left // 86400, "d"), (left // 3600 % 24, "h"), (left // 60 % 60, "min"), (left % 60, "s")]
    first = next(i for i, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)
