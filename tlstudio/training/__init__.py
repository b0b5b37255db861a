"""From a run's specification to its best model: phases, loop, runtime, checkpoints. Runs inside the worker."""
