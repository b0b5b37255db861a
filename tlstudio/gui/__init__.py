"""The window. Imports no torch, ever; the work is done by jobs in child processes."""
