"""Features of texts without a network: which words and pairs of words they have, in few numbers."""

from collections.abc import Generator

import numpy as np

from tlstudio import places
from tlstudio.api.errors import DataError
from tlstudio.api.events import Event, Progress
from tlstudio.doctor.case import Case
from tlstudio.doctor.features import Features
from tlstudio.doctor.reducing import Matrix

NAME = "words"
_TERMS = 50_000
_COLUMNS = 128
_LONGEST = 20_000  # bytes of one text
_AT_ONCE = 2_000


def features(case: Case) -> Generator[Event, None, Features | None]:
    """Latent semantic analysis: weighted counts of words, then their principal directions. ``None`` where the texts
    have next to nothing in common.
    """
    key = case.key("words", _COLUMNS)
    found = case.cache.load(key)
    if found is None:
        stage = case.stage("Reading texts")
        meter = stage.meter(len(case.records))
        texts: list[str] = []
        read: list[int] = []
        for start in range(0, len(case.records), _AT_ONCE):
            yield from stage.pause()
            for position in range(start, min(start + _AT_ONCE, len(case.records))):
                try:
                    content = places.read_bytes(case.places[position])
                except DataError:
                    continue  # it is among what is missing
                texts.append(content[:_LONGEST].decode("utf-8", "replace"))
                read.append(position)
            yield from meter.advance(min(_AT_ONCE, len(case.records) - start))
        yield Progress(done=0, total=1, unit="texts", text="Counting words")
        matrix = _analysed(texts)
        if matrix is None:
            return None
        found = {"positions": np.array(read, np.int64), "matrix": matrix}
        case.cache.save(key, **found)
    return Features(positions=found["positions"], matrix=found["matrix"], backbone=NAME, weights="of this data set")


def _analysed(texts: list[str]) -> Matrix | None:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2),
        min_df=2,
        max_features=_TERMS,
        sublinear_tf=True,
        dtype=np.float32,
        token_pattern=r"\w+|[^\w\s]",
    )
    try:
        counts = vectorizer.fit_transform(texts)
    except ValueError:  # no word is there twice
        return None
    columns = min(_COLUMNS, min(counts.shape) - 1)
    if columns < 2:
        return None
    return np.asarray(TruncatedSVD(columns, random_state=0).fit_transform(counts), np.float32)
