"""Principal components of a feature matrix, fitted on a sample: fewer columns, nearly the same distances."""

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]

_FITTED_ON = 20_000  # rows
_AT_ONCE = 16_384  # rows


def standardized(matrix: Matrix) -> Matrix:
    """Each column with mean 0 and spread 1; what hardly varies beside the others is only centred."""
    mean, spread = matrix.mean(0, dtype=np.float64), matrix.std(0, dtype=np.float64)
    kept = np.where(spread > 1e-5 * max(float(spread.max(initial=0.0)), 1e-30), spread, 1.0)
    columns: Matrix = matrix - mean.astype(np.float32)
    columns /= kept.astype(np.float32)
    return columns


def principal(matrix: Matrix, dimensions: int, seed: int = 0) -> Matrix:
    """``[N, min(dimensions, D, N)]`` float32, the most important component first; each with a fixed sign."""
    count, columns = matrix.shape
    rows = matrix
    if count > _FITTED_ON:
        rows = matrix[np.sort(np.random.default_rng(seed).choice(count, _FITTED_ON, replace=False))]
    mean = rows.mean(0, dtype=np.float64).astype(np.float32)
    centred = rows - mean
    _, vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64) / max(1, len(rows)))
    basis = vectors[:, ::-1][:, : min(dimensions, columns, count)]
    basis *= np.sign(basis[np.abs(basis).argmax(0), np.arange(basis.shape[1])])
    basis32, shift = basis.astype(np.float32), (mean @ basis.astype(np.float32))
    out = np.empty((count, basis.shape[1]), np.float32)
    for start in range(0, count, _AT_ONCE):
        out[start : start + _AT_ONCE] = matrix[start : start + _AT_ONCE] @ basis32 - shift
    return out


def directions(matrix: Matrix) -> Matrix:
    """Rows of length 1; a row of zeros stays."""
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    rows: Matrix = matrix / np.maximum(lengths, 1e-12)
    return rows
