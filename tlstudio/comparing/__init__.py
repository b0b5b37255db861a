"""Runs side by side: planned on one frozen split, laid out in one table, told apart by tests. No torch at import."""
