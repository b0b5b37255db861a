"""What a model answers that looks at nothing and knows the training labels alone."""

from typing import Any

import numpy as np
import numpy.typing as npt

from tlstudio.api.task import TaskInfo

Outputs = npt.NDArray[np.float32]


def outputs_of(
    task: str, targets: npt.NDArray[Any], outputs: Outputs, info: TaskInfo, train_items: int = 0
) -> tuple[str, Outputs | None]:
    """What it is called, and what it answers, in the shape of ``outputs``; ``None`` where nothing is known of the
    training split. ``train_items``: in the training split; without it labels are taken to be as frequent as here.

    Classes: the most frequent one. Labels: those that at least half of the items carry. Of either it is as sure as
    they are frequent. Numbers: the mean. Pixels: the most frequent class, which tends to be the background.
    """
    counts = np.array(info.class_counts, np.float64)
    known = len(counts) == outputs.shape[-1] and counts.sum() > 0
    if task == "classification" and known:
        name = f"always '{info.class_names[int(counts.argmax())]}', the most frequent class"
        prior = np.log(np.maximum(counts, 1e-3) / counts.sum()).astype(np.float32)
        return name, np.tile(prior, (len(outputs), 1))
    if task == "multilabel":
        shares = counts / train_items if known and train_items else (targets > 0.5).mean(0)
        share = np.clip(shares, 1e-6, 1 - 1e-6)
        frequent = [name for name, value in zip(info.class_names, share, strict=True) if value >= 0.5]
        name = f"always {', '.join(frequent) or 'no label'}, as most items have it"
        return name, np.tile(np.log(share / (1 - share)).astype(np.float32), (len(outputs), 1))
    if task == "regression" and len(info.mean) == outputs.shape[-1]:
        return "always the mean of the training values", np.tile(np.array(info.mean, np.float32), (len(outputs), 1))
    if task == "segmentation" and known:
        best = int(counts.argmax())
        confusion = np.zeros_like(outputs)
        confusion[:, :, best] = outputs.sum(2)
        return f"every pixel '{info.class_names[best]}', the most frequent class", confusion
    return "", None
