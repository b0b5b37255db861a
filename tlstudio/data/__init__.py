"""Data sets: finding and checking files, splitting them, decoding them."""
