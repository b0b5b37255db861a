"""The standard metrics of classification, declared without importing torch."""

from tlstudio.api import MetricDescriptor

_MODULE = "tlstudio_builtins.metrics.classification"

METRICS = [
    MetricDescriptor(
        id="accuracy",
        title="Accuracy",
        description="Share of pictures whose most probable class is the right one.",
        factory=f"{_MODULE}:Accuracy",
        standard=True,
        percent=True,
    ),
    MetricDescriptor(
        id="balanced_accuracy",
        title="Balanced accuracy",
        description="Mean over the classes of the share that is recognised: every class counts the same.",
        factory=f"{_MODULE}:BalancedAccuracy",
        standard=True,
        percent=True,
    ),
    MetricDescriptor(
        id="precision_macro",
        title="Precision",
        description="Mean over the classes of the share of predictions of the class that are right.",
        factory=f"{_MODULE}:Precision",
        standard=True,
    ),
    MetricDescriptor(
        id="recall_macro",
        title="Recall",
        description="Mean over the classes of the share of the class that is found.",
        factory=f"{_MODULE}:Recall",
        standard=True,
    ),
    MetricDescriptor(
        id="f1_macro",
        title="Macro F1",
        description="Mean over the classes of the harmonic mean of precision and recall.",
        factory=f"{_MODULE}:F1",
        standard=True,
    ),
    MetricDescriptor(
        id="roc_auc_macro",
        title="ROC-AUC",
        description="Mean over the classes of the probability that a picture of the class scores higher than another.",
        factory=f"{_MODULE}:RocAuc",
        standard=True,
    ),
    MetricDescriptor(
        id="pr_auc_macro",
        title="PR-AUC",
        description="Mean over the classes of the average precision.",
        factory=f"{_MODULE}:PrAuc",
        standard=True,
    ),
]
