"""The standard metrics, declared without importing torch."""

from tlstudio.api import MetricDescriptor

_MODULE = "tlstudio_builtins.metrics.by_task"
_CLASSES = ("classification", "multilabel")

METRICS = [
    MetricDescriptor(
        id="accuracy",
        title="Accuracy",
        description="Share of items whose class is the right one; with several labels, of those whose labels are all "
        "right; with masks, of the pixels.",
        factory=f"{_MODULE}:accuracy",
        standard=True,
        percent=True,
        tasks=(*_CLASSES, "segmentation"),
    ),
    MetricDescriptor(
        id="balanced_accuracy",
        title="Balanced accuracy",
        description="Mean over the classes of the share that is recognised: every class counts the same. With several "
        "labels, of those that carry a label and of those that do not, half each.",
        factory=f"{_MODULE}:balanced_accuracy",
        standard=True,
        percent=True,
        tasks=_CLASSES,
    ),
    MetricDescriptor(
        id="precision_macro",
        title="Precision",
        description="Mean over the classes of the share of predictions of the class that are right.",
        factory=f"{_MODULE}:precision",
        standard=True,
        tasks=_CLASSES,
    ),
    MetricDescriptor(
        id="recall_macro",
        title="Recall",
        description="Mean over the classes of the share of the class that is found.",
        factory=f"{_MODULE}:recall",
        standard=True,
        tasks=_CLASSES,
    ),
    MetricDescriptor(
        id="f1_macro",
        title="Macro F1",
        description="Mean over the classes of the harmonic mean of precision and recall.",
        factory=f"{_MODULE}:f1",
        standard=True,
        tasks=_CLASSES,
    ),
    MetricDescriptor(
        id="roc_auc_macro",
        title="ROC-AUC",
        description="Mean over the classes of the probability that an item of the class scores higher than another.",
        factory=f"{_MODULE}:roc_auc",
        standard=True,
        tasks=_CLASSES,
    ),
    MetricDescriptor(
        id="pr_auc_macro",
        title="PR-AUC",
        description="Mean over the classes of the average precision.",
        factory=f"{_MODULE}:pr_auc",
        standard=True,
        tasks=_CLASSES,
    ),
    MetricDescriptor(
        id="mae",
        title="Mean error",
        description="Mean of the absolute error, in the unit of the values; of several numbers the mean of theirs.",
        factory="tlstudio_builtins.metrics.regression:MeanAbsoluteError",
        standard=True,
        higher_is_better=False,
        bounds=None,
        tasks=("regression",),
    ),
    MetricDescriptor(
        id="rmse",
        title="RMSE",
        description="Root of the mean squared error, in the unit of the values: large errors weigh more.",
        factory="tlstudio_builtins.metrics.regression:RootMeanSquaredError",
        standard=True,
        higher_is_better=False,
        bounds=None,
        tasks=("regression",),
    ),
    MetricDescriptor(
        id="r2",
        title="R²",
        description="Share of the values' variance that the model explains: 1 is perfect, 0 is what their mean does.",
        factory="tlstudio_builtins.metrics.regression:R2",
        standard=True,
        tasks=("regression",),
    ),
    MetricDescriptor(
        id="miou",
        title="Mean IoU",
        description="Mean over the classes of the pixels that are predicted and true, as a share of those that are "
        "either.",
        factory="tlstudio_builtins.metrics.segmentation:MeanIoU",
        standard=True,
        tasks=("segmentation",),
    ),
    MetricDescriptor(
        id="dice",
        title="Dice",
        description="Mean over the classes of the harmonic mean of precision and recall of their pixels.",
        factory="tlstudio_builtins.metrics.segmentation:Dice",
        standard=True,
        tasks=("segmentation",),
    ),
]
