"""Why a model answers as it does: the regions of samples that decided."""
