"""Prints how well glyphnet's frozen features read scikit-learn's 1,797 handwritten digits from 10 labels a class.

Protocol: for each seed 0..4, `numpy.random.default_rng(seed)` permutes each class's rows and the first 10 are the
training rows; all other 1,697 rows are the test. The classifier is the same for every row of the table:
columns standardised by the 100 training rows, then scikit-learn's LogisticRegression(C=1, max_iter=2000).
"Raw pixels" are the 64 grey values (one more row gives them as they are, divided by 16, since the classifier
reads them a little better so); the networks see the 8 × 8 picture scaled to 40 × 40 (bilinear).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "plugins" / "tlstudio_builtins" / "backbones"))

from glyphnet import INPUT_SIZE, GlyphNet, glyphnet  # noqa: E402

SEEDS = range(5)
PER_CLASS = 10


def classifier(standardise: bool = True) -> Pipeline:
    scaler = StandardScaler() if standardise else "passthrough"
    return make_pipeline(scaler, LogisticRegression(C=1.0, max_iter=2000))


def few_label_accuracies(
    x: np.ndarray, y: np.ndarray, seeds: Iterable[int] = SEEDS, standardise: bool = True
) -> list[float]:
    """Test accuracy (0..1) of each draw; x: [n, features], y: [n] classes."""
    accuracies = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        chosen = [rng.permutation(np.flatnonzero(y == label))[:PER_CLASS] for label in np.unique(y)]
        train = np.concatenate(chosen)
        test = np.setdiff1d(np.arange(len(y)), train)
        with threadpool_limits(limits=1):  # the matrices are small: a second thread only waits
            accuracies.append(float(classifier(standardise).fit(x[train], y[train]).score(x[test], y[test])))
    return accuracies


def digit_pictures(images: np.ndarray) -> torch.Tensor:
    """[n, 8, 8] values 0..16 -> [n, 3, INPUT_SIZE, INPUT_SIZE] -1..1, resized as the application resizes."""
    grey = np.round(images * (255 / 16)).astype(np.uint8)
    size = (INPUT_SIZE, INPUT_SIZE)
    large = [np.asarray(Image.fromarray(g).resize(size, Image.Resampling.BILINEAR)) for g in grey]
    x = torch.from_numpy(np.stack(large)).float()[:, None] / 127.5 - 1
    return x.expand(-1, 3, -1, -1)


@torch.inference_mode()
def features(model: torch.nn.Module, x: torch.Tensor, batch: int = 256) -> np.ndarray:
    """[n, 3 or 1, H, W] -> [n, feature_dim] float32."""
    model.eval()
    return torch.cat([model(part) for part in x.split(batch)]).float().numpy()


def pretrained(path: Path = HERE / "glyphnet.safetensors") -> GlyphNet:
    model = glyphnet()
    model.load_state_dict(load_file(path))
    return model.eval()


def table(model: torch.nn.Module) -> dict[str, list[float]]:
    """Accuracies of the five draws for each row of the table."""
    digits = load_digits()
    x = digit_pictures(digits.images)
    torch.manual_seed(0)
    untrained = glyphnet()
    return {
        "raw pixels": few_label_accuracies(digits.data, digits.target),
        "raw pixels / 16, not standardised": few_label_accuracies(digits.data / 16, digits.target, standardise=False),
        "glyphnet, random weights": few_label_accuracies(features(untrained, x), digits.target),
        "glyphnet, pretrained": few_label_accuracies(features(model, x), digits.target),
    }


def format_table(rows: dict[str, list[float]]) -> str:
    """The table in Markdown: per cent, mean, standard deviation over the draws, and the draws."""
    lines = ["| frozen features | mean | spread (sd) | draws 0..4 |", "|---|---|---|---|"]
    for name, values in rows.items():
        draws = " ".join(f"{100 * value:.1f}" for value in values)
        lines.append(f"| {name} | {100 * np.mean(values):.1f} % | {100 * np.std(values):.1f} | {draws} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=HERE / "glyphnet.safetensors")
    print(format_table(table(pretrained(parser.parse_args().weights))))


if __name__ == "__main__":
    main()
