"""One module for each page of the window; loaded on the first visit."""
