"""Looks a data set over before time is spent on it: files, copies, leaks, labels, odd items, classes, shift.

``job`` runs the stages, ``maps`` makes a map of the embeddings. Nothing of the user's is changed or deleted.
"""
