"""How far a model can be trusted when its inputs are worse than its data: attacked, or corrupted."""
