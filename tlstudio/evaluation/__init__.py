"""How good a model is on a split: metrics with intervals, confusion matrix, per-class scores. No torch at import."""

from tlstudio.evaluation.files import load_predictions, load_results, save_predictions, write_results
from tlstudio.evaluation.scoring import evaluate_predictions

__all__ = ["evaluate_predictions", "load_predictions", "load_results", "save_predictions", "write_results"]
