"""Widgets that the pages are made of; ``kit`` has the common ones."""
