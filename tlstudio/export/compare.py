"""Whether the exported file does what the model does: two checks, in numbers."""

import dataclasses

import numpy as np
import numpy.typing as npt

Logits = npt.NDArray[np.float32]  # [N, C]

SAME_INPUT = 1e-3  # largest difference of a logit on the same pixels, for each unit of (1 + largest logit)
AGREEMENT = 0.995  # share of the same classes from files, among pictures that are no near-ties
# Two decoders round differently by a level or so. How far that moves a logit is measured in memory, picture by
# picture; beyond this, for each unit of (1 + largest logit), it is rounding no more.
ROUNDING = 0.03


@dataclasses.dataclass(frozen=True)
class Reference:
    """The model in memory, float32. ``from_files`` by the path that training takes; ``from_pixels`` on the pixels
    that the exported file is given as well."""

    labels: npt.NDArray[np.int64]  # [N]
    from_files: Logits
    from_pixels: Logits


@dataclasses.dataclass(frozen=True)
class Comparison:
    images: int
    difference: float  # largest, same pixels
    allowed: float
    difference_from_files: float
    class_agreement: float  # of all pictures, from files
    decided_agreement: float  # without the near-ties
    near_ties: int
    accuracy_before: float
    accuracy_after: float

    @property
    def problem(self) -> str:
        """A sentence with the numbers; empty where the file does what the model does."""
        if not self.difference <= self.allowed:
            return (
                f"On {self.images} pictures its logits differ from the model's by up to {self.difference:.3g}, where "
                f"{self.allowed:.2g} is allowed; {100 * self.class_agreement:.1f} % of the classes are the same, "
                f"with an accuracy of {100 * self.accuracy_before:.1f} % before and "
                f"{100 * self.accuracy_after:.1f} % after."
            )
        if not self.decided_agreement >= AGREEMENT:
            return (
                f"From {self.images} picture files it predicts the same class for only "
                f"{100 * self.decided_agreement:.1f} % of those that are no near-ties, where {100 * AGREEMENT:.1f} % "
                f"are needed, and the accuracy is {100 * self.accuracy_before:.1f} % before and "
                f"{100 * self.accuracy_after:.1f} % after. It prepares pictures in another way than the model."
            )
        return ""


def compare(reference: Reference, from_files: Logits, from_pixels: Logits) -> Comparison:
    """``from_files``, ``from_pixels``: what the exported file gave, finite, of the reference's shapes."""
    scale = 1 + float(np.abs(reference.from_pixels).max())
    allowed = SAME_INPUT * scale
    before, after = reference.from_files.argmax(1), from_files.argmax(1)
    same = before == after
    rounding = np.abs(reference.from_files - reference.from_pixels).max(1)
    tolerance = np.minimum(rounding + allowed, ROUNDING * scale)
    decided = _margin(reference.from_files) >= 2 * tolerance
    return Comparison(
        images=len(same),
        difference=float(np.abs(reference.from_pixels - from_pixels).max()),
        allowed=allowed,
        difference_from_files=float(np.abs(reference.from_files - from_files).max()),
        class_agreement=float(same.mean()),
        decided_agreement=float(same[decided].mean()) if decided.any() else 1.0,
        near_ties=int((~decided).sum()),
        accuracy_before=float((before == reference.labels).mean()),
        accuracy_after=float((after == reference.labels).mean()),
    )


def _margin(logits: Logits) -> npt.NDArray[np.float32]:
    """By how much the largest logit exceeds the second: ``[N]``; infinite where there is one class alone."""
    if logits.shape[1] < 2:
        return np.full(len(logits), np.inf, np.float32)
    ordered = np.sort(logits, axis=1)
    return ordered[:, -1] - ordered[:, -2]
