"""Real workers, really killed: a small share of what tests/performance/kill_and_resume.py does."""

import dataclasses

from tests.performance import kill_and_resume


def test_that_killed_runs_end_as_if_they_had_been_left_alone() -> None:
    chosen = (kill_and_resume.SETTINGS[4], kill_and_resume.SETTINGS[1])  # with loader processes, and on features
    settings = tuple(dataclasses.replace(setting) for setting in chosen)
    report = kill_and_resume.main(kills=5, seed=1, each=3, parallel=1, settings=settings)
    assert report["kills"] >= 5
    assert not report["lost"]
    assert not report["corrupt"]
    assert not report["unequal"]
