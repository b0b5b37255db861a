"""How good a model is on a split: metrics with intervals, baseline, figures by class or number. No torch at import."""

from tlstudio.evaluation.files import load_predictions, load_results, save_predictions, write_results
from tlstudio.evaluation.per_item import columns
from tlstudio.evaluation.scoring import evaluate_predictions

__all__ = ["columns", "evaluate_predictions", "load_predictions", "load_results", "save_predictions", "write_results"]
