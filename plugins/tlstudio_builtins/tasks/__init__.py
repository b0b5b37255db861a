"""What can be learnt of a sample, declared without importing torch."""

from tlstudio.api import TaskDescriptor

TASKS = [
    TaskDescriptor(
        id="classification",
        title="One class",
        description="Each sample belongs to exactly one class.",
        factory="tlstudio_builtins.tasks.classification:Classification",
        objective="tlstudio_builtins.tasks.objectives:ClassObjective",
        select_by="accuracy",
    ),
    TaskDescriptor(
        id="multilabel",
        title="Several labels",
        description="Each sample carries any number of labels, or none.",
        factory="tlstudio_builtins.tasks.multilabel:MultiLabel",
        objective="tlstudio_builtins.tasks.objectives:LabelsObjective",
        select_by="f1_macro",
        label="labels",
    ),
    TaskDescriptor(
        id="regression",
        title="Numbers",
        description="Each sample comes with one or several numbers: counts, ages, measurements.",
        factory="tlstudio_builtins.tasks.regression:Regression",
        objective="tlstudio_builtins.tasks.objectives:NumbersObjective",
        select_by="mae",
        label="value",
        classes=False,
    ),
    TaskDescriptor(
        id="segmentation",
        title="A class for each pixel",
        description="Each picture comes with a mask of the same size that says which class each pixel belongs to.",
        factory="tlstudio_builtins.tasks.segmentation:Segmentation",
        objective="tlstudio_builtins.tasks.objectives:PixelsObjective",
        select_by="miou",
        label="mask",
        modalities=("image",),
    ),
]
