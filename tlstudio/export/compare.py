"""Whether the exported file does what the model does: two checks, in numbers."""

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Answers = npt.NDArray[np.float32]  # [N, K], or [N, C, H, W] where every pixel has a class
Score = Callable[[Answers], float]

SAME_INPUT = 1e-3  # largest difference of an answer to the same input, for each unit of (1 + largest answer)
AGREEMENT = 0.995  # share of the same decisions from files, without the near-ties
# Two decoders round differently by a level or so. How far that moves an answer is measured in memory, sample by
# sample; beyond this, for each unit of (1 + largest answer), it is rounding no more.
ROUNDING = 0.03
WHAT = {"classification": "class", "multilabel": "label", "segmentation": "class of a pixel", "regression": "value"}


@dataclasses.dataclass(frozen=True)
class Reference:
    """The model in memory, float32. ``from_files`` by the path that training takes; ``from_inputs`` on the inputs
    that the exported file is given as well. ``score``: what the ``metric`` makes of answers from files; ``percent``:
    how people write it.
    """

    from_files: Answers
    from_inputs: Answers
    score: Score
    task: str = "classification"
    metric: str = "accuracy"
    percent: bool = True
    noun: tuple[str, str] = ("picture", "pictures")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """``agreement``: the share of the same decisions (classes, labels, classes of pixels; of numbers, the share that
    differ by no more than rounding does) of all samples, from files; ``decided_agreement`` without the near-ties.
    ``relative``: ``difference`` in standard deviations of the answers (regression), or for each unit of (1 + largest
    answer).
    """

    reference: Reference
    samples: int
    difference: float  # largest, same inputs
    relative: float
    difference_from_files: float
    agreement: float
    decided_agreement: float
    near_ties: int
    before: float
    after: float

    @property
    def problem(self) -> str:
        """A sentence with the numbers; empty where the file does what the model does."""
        what, nouns = WHAT.get(self.reference.task, "answer"), self.reference.noun[1]
        scores = f"{self.reference.metric} {self._shown(self.before)} before and {self._shown(self.after)} after"
        if not self.relative <= SAME_INPUT:
            return (
                f"On {self.samples} {nouns} its answers differ from the model's by up to {self.difference:.3g}, "
                f"{self.relative / SAME_INPUT:.3g} times what is allowed; {100 * self.agreement:.1f} % are the same "
                f"{what}, with {scores}."
            )
        if not self.decided_agreement >= AGREEMENT:
            return (
                f"From {self.samples} files it predicts the same {what} for only {100 * self.decided_agreement:.1f} % "
                f"of those that are no near-ties, where {100 * AGREEMENT:.1f} % are needed; {scores}. It prepares "
                f"{nouns} in another way than the model."
            )
        return ""

    def _shown(self, value: float) -> str:
        return f"{100 * value:.1f} %" if self.reference.percent else f"{value:.4g}"


def compare(reference: Reference, from_files: Answers, from_inputs: Answers) -> Comparison:
    """``from_files``, ``from_inputs``: what the exported file gave, of the reference's shapes."""
    same_inputs, files = _measured(reference, reference.from_inputs), _measured(reference, reference.from_files)
    scale = 1 + float(np.abs(same_inputs).max())
    relative = float(np.abs(same_inputs - _measured(reference, from_inputs)).max()) / scale
    rounding = np.abs(files - same_inputs).reshape(len(files), -1).max(1)
    tolerance = np.minimum(rounding + SAME_INPUT * scale, ROUNDING * scale)
    given = _measured(reference, from_files)
    same, decided = _decisions(reference.task, files, given, tolerance.reshape(-1, *[1] * (files.ndim - 1)))
    return Comparison(
        reference=reference,
        samples=len(files),
        difference=float(np.abs(reference.from_inputs - from_inputs).max()),
        relative=relative,
        difference_from_files=float(np.abs(reference.from_files - from_files).max()),
        agreement=float(same.mean()),
        decided_agreement=float(same[decided].mean()) if decided.any() else 1.0,
        near_ties=int((~decided).sum()),
        before=reference.score(reference.from_files),
        after=reference.score(from_files),
    )


def _measured(reference: Reference, answers: Answers) -> Answers:
    """Numbers in deviations from their mean, so that their unit does not matter; everything else as it is."""
    if reference.task != "regression":
        return answers
    mean, std = reference.from_inputs.mean(0), reference.from_inputs.std(0)
    unit = np.where(std > 1e-6 * np.maximum(np.abs(mean), 1e-6), std, np.maximum(np.abs(mean), 1e-6))
    measured: Answers = ((answers - mean) / unit).astype(np.float32)
    return measured


def _decisions(
    task: str, before: Answers, after: Answers, tolerance: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which decisions are the same, and which are no near-ties: of the same shape, samples first."""
    if task == "multilabel":
        return (before >= 0) == (after >= 0), np.abs(before) >= 2 * tolerance
    if task == "regression":
        same = np.abs(before - after) <= 2 * tolerance
        return same, np.ones_like(same)
    return before.argmax(1) == after.argmax(1), _margin(before) >= 2 * tolerance[:, 0]


def _margin(answers: Answers) -> npt.NDArray[np.float32]:
    """By how much the largest answer exceeds the second: ``[N]`` or ``[N, H, W]``; infinite for one class alone."""
    if answers.shape[1] < 2:
        return np.full((len(answers), *answers.shape[2:]), np.inf, np.float32)
    ordered = np.partition(answers, -2, axis=1)
    return ordered[:, -1] - ordered[:, -2]
