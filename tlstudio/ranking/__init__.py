"""Which backbone suits a data set: scores on frozen features, before anything is trained. No torch at import."""
