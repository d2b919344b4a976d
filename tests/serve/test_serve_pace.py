"""A server works its share of the time, however long its pieces of work are, and is called from a rest at once."""

from __future__ import annotations

import pytest

from workbench.serve.pace import SLICE, Pace


class Clock:
    """Time that passes where somebody sleeps or works."""

    def __init__(self) -> None:
        self.at, self.worked = 0.0, 0.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds

    def work(self, seconds: float) -> None:
        self.at += seconds
        self.worked += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> Pace:
    return Pace(clock.now, clock.sleep)


@pytest.mark.parametrize("piece", [0.001, 0.02, 1.0, 60.0])
@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_of_the_time_it_works_its_share(clock: Clock, pace: Pace, piece: float, share: float) -> None:
    pace.share = share
    for _ in range(20):
        pace.begin()
        clock.work(piece)
        pace.rest(lambda: False)
    assert clock.worked / clock.at == pytest.approx(share, rel=1e-6)


def test_who_calls_is_not_kept_waiting(clock: Clock, pace: Pace) -> None:
    pace.share = 0.1
    pace.begin()
    clock.work(60)
    pace.rest(lambda: clock.at > 61)
    assert 61 < clock.at <= 61 + 2 * SLICE


def test_a_rest_is_over_when_all_the_time_is_its_own_again(clock: Clock, pace: Pace) -> None:
    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.at > 62:
            pace.share = 1.0

    pace = Pace(clock.now, sleep)
    pace.share = 0.1
    pace.begin()
    clock.work(60)
    pace.rest(lambda: False)
    assert clock.at < 63
