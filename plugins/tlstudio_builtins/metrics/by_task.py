"""Metrics that mean the same for several tasks, and are computed in another way for each."""

import importlib
from collections.abc import Callable
from typing import Any

_MODULES = {"classification": "classification", "multilabel": "labels", "segmentation": "segmentation"}


def _factory(name: str) -> Callable[..., Any]:
    def make(outputs: int, task: str = "classification") -> Any:
        module = importlib.import_module(f"tlstudio_builtins.metrics.{_MODULES[task]}")
        return getattr(module, name)(outputs)

    make.__name__ = make.__qualname__ = name
    return make


accuracy = _factory("Accuracy")
balanced_accuracy = _factory("BalancedAccuracy")
precision = _factory("Precision")
recall = _factory("Recall")
f1 = _factory("F1")
roc_auc = _factory("RocAuc")
pr_auc = _factory("PrAuc")
