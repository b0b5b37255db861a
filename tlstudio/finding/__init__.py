"""Learning rate and batch size, found on a copy of a run that has not been made yet."""
