"""Out-of-fold predictions of linear models on features; what belongs together is never on both sides of a fold."""

import warnings
from collections.abc import Generator, Sequence

import numpy as np
import numpy.typing as npt

from tlstudio.api.events import Event
from tlstudio.doctor.reducing import Matrix
from tlstudio.doctor.stages import Stage

FOLDS = 5
COLUMNS = 256  # principal components, where there are more features
_FITTED_ON = 20_000  # items a fold, drawn alike from every class
_STRENGTHS = (0.3, 0.03, 0.003, 0.0003)  # C of scikit-learn, on standardised features

Ints = npt.NDArray[np.int64]


def deal(strata: Sequence[str], bonds: Ints, folds: int = FOLDS, seed: int = 0) -> Ints:
    """The fold of each item, int64 ``[N]`` in ``0..folds-1``: components (equal ``bonds``) as a whole, the largest
    first, and each stratum spread over the folds as evenly as that allows.
    """
    count = len(bonds)
    if not count:
        return np.empty(0, np.int64)
    _, first, component, sizes = np.unique(bonds, return_index=True, return_inverse=True, return_counts=True)
    kinds = np.unique(np.asarray(strata), return_inverse=True)[1][first]
    drawn = np.random.default_rng(seed).permutation(len(first))
    held = np.zeros((int(kinds.max()) + 1, folds), np.int64)
    chosen = np.empty(len(first), np.int64)
    large = [c for c in sorted(drawn.tolist(), key=lambda c: -sizes[c]) if sizes[c] > 1]
    for c in large:
        chosen[c] = np.lexsort((held.sum(0), held[kinds[c]]))[0]
        held[kinds[c], chosen[c]] += sizes[c]
    alone = drawn[sizes[drawn] == 1]
    for kind in range(len(held)):
        these = alone[kinds[alone] == kind]
        chosen[these] = _fill(held[kind], len(these), held.sum(0))
        held[kind] += np.bincount(chosen[these], minlength=folds)
    dealt: Ints = chosen[component]
    return dealt


def _fill(held: Ints, more: int, totals: Ints) -> Ints:
    """Folds for ``more`` items, such that the fullest and the emptiest are as near to one another as can be."""
    order = np.lexsort((totals, held))
    level = held[order]
    places = np.concatenate([np.stack([np.arange(more) + start, np.full(more, fold)]) for fold, start in
                             zip(order, level, strict=True)], axis=1)  # fmt: skip
    rank = np.empty(len(held), np.int64)
    rank[order] = np.arange(len(held))
    by_level = np.lexsort((rank[places[1]], places[0]))[:more]
    chosen: Ints = places[1][by_level]
    return chosen


def probabilities(
    features: Matrix, classes: Ints, folds: Ints, stage: Stage, key: str = "", balanced: bool = False
) -> Generator[Event, None, Matrix]:
    """Of multinomial logistic regression, float32 ``[N, C]`` with ``C = classes.max() + 1``: each row from the model
    that has not seen it (nor what belongs to it). ``features`` are standardised; ``balanced``: classes weigh alike.

    The strength of the L2 penalty is the one with the lowest loss on the first fold.
    """
    out = np.zeros((len(classes), int(classes.max(initial=0)) + 1), np.float32)
    present = np.unique(folds).tolist()
    meter = stage.meter(len(present))
    strength = 0.0
    for fold in present:
        yield from stage.pause()
        name = f"{key}-{fold}"
        found = stage.cache.load(name) if key else None
        if found is None:
            train = _drawn(classes, np.flatnonzero(folds != fold), int(fold))
            test = np.flatnonzero(folds == fold)
            tried = [strength] if strength else _STRENGTHS
            results = [_logistic(features, classes, train, test, out.shape[1], c, balanced) for c in tried]
            losses = [_loss(result, classes[test]) for result in results]
            strength = tried[int(np.argmin(losses))]
            found = {"rows": results[int(np.argmin(losses))], "strength": np.array(strength)}
            if key:
                stage.cache.save(name, **found)
        strength = float(found["strength"])
        out[folds == fold] = found["rows"]
        yield from meter.advance()
    return out


def predictions(
    features: Matrix, targets: npt.NDArray[np.float64], folds: Ints, stage: Stage
) -> Generator[Event, None, npt.NDArray[np.float64]]:
    """Of ridge regression, float64 ``[N, T]``, likewise; the penalty is chosen within each fold."""
    from sklearn.linear_model import RidgeCV

    out = np.zeros_like(targets)
    present = np.unique(folds).tolist()
    meter = stage.meter(len(present))
    for fold in present:
        yield from stage.pause()
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        train = train if len(train) <= _FITTED_ON else np.random.default_rng(fold).choice(train, _FITTED_ON, False)
        model = RidgeCV(alphas=np.logspace(0, 6, 13)).fit(features[train], targets[train])
        out[test] = model.predict(features[test]).reshape(len(test), -1)
        yield from meter.advance()
    return out


def _drawn(classes: Ints, train: Ints, seed: int) -> Ints:
    """At most ``_FITTED_ON``, of each class its share but never fewer than 20."""
    if len(train) <= _FITTED_ON:
        return train
    generator = np.random.default_rng(seed)
    parts = []
    for name in np.unique(classes[train]):
        these = train[classes[train] == name]
        wanted = max(20, round(len(these) * _FITTED_ON / len(train)))
        parts.append(these if len(these) <= wanted else generator.choice(these, wanted, replace=False))
    return np.sort(np.concatenate(parts))


def _logistic(
    features: Matrix, classes: Ints, train: Ints, test: Ints, width: int, strength: float, balanced: bool
) -> Matrix:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    rows = np.zeros((len(test), width), np.float32)
    known = np.unique(classes[train])
    if len(known) < 2:
        rows[:, known] = 1.0
        return rows
    model = LogisticRegression(C=strength, max_iter=200, tol=1e-3, class_weight="balanced" if balanced else None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough: the strength is chosen by the outcome
        model.fit(features[train], classes[train])
    rows[:, known] = model.predict_proba(features[test])
    return rows


def _loss(rows: Matrix, classes: Ints) -> float:
    return float(-np.log(np.maximum(rows[np.arange(len(rows)), classes], 1e-6)).mean()) if len(rows) else 0.0
