"""Data for views: items of a data set, fetched lazily and off the window's thread."""
