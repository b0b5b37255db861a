"""Plots of numbers that arrive while a run works: buffers, decimation, drawing."""
