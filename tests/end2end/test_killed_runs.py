"""Real workers, really killed: a small share of what tests/performance/kill_and_resume.py does."""

from tests.performance import kill_and_resume


def test_that_killed_runs_end_as_if_they_had_been_left_alone() -> None:
    setting = kill_and_resume.SETTINGS[4]  # with loader processes, a checkpoint after every step
    report = kill_and_resume.main(kills=1, seed=1, each=1, parallel=1, settings=(setting,))
    assert report["kills"] >= 1
    assert not report["lost"]
    assert not report["corrupt"]
    assert not report["unequal"]
