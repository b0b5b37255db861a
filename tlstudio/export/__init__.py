"""From a run's best model to a file that provably does the same."""
