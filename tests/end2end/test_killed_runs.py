"""Real workers, really killed: a small share of what tests/performance/kill_and_resume.py does."""

from tests.performance import kill_and_resume


def test_that_killed_runs_end_as_if_they_had_been_left_alone() -> None:
    # With loader processes, and a checkpoint after every step.
    setting = kill_and_resume.Setting("fine-tuning", {"epochs": 2}, workers=2)
    report = kill_and_resume.main(kills=1, seed=1, each=1, parallel=1, settings=(setting,), pictures=80)
    assert report["kills"] >= 1
    assert not report["lost"]
    assert not report["corrupt"]
    assert not report["unequal"]
