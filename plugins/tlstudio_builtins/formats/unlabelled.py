"""``unlabelled``: samples without labels, in folders of any structure, or texts as the lines of a file."""

import itertools
from collections.abc import Iterator
from pathlib import Path

from tlstudio.api import UNLABELLED, DataError, RawItem, Skipped, Sniffed
from tlstudio.places import readable
from tlstudio_builtins.formats.csv_text import lines_of
from tlstudio_builtins.formats.folders import NOUNS, SUFFIXES, Walker, modality_below, names_below

CLASS = UNLABELLED
"""The one class of all items."""
_HARDLY = 0.01  # every folder of samples could be read so
_PREVIEWED = 8


class Unlabelled:
    """A :class:`tlstudio.api.DatasetFormat` that looks. It is never surest: what has labels is more than this."""

    def sniff(self, source: Path) -> float:
        return _HARDLY if _modality(source) else 0.0

    def look(self, source: Path) -> Sniffed:
        modality = _modality(source)
        if not modality:
            return Sniffed(sure=0.0)
        if source.is_file():
            shown = [line.strip()[:200] for _, line in itertools.islice(lines_of(source), _PREVIEWED)]
            sentence = "Texts without labels, one in each line."
        else:
            found = (name for name in names_below(source) if Path(name).suffix.lower() in SUFFIXES[modality])
            shown = [readable(name) for name in itertools.islice(found, _PREVIEWED)]
            sentence = f"{NOUNS[modality][1].capitalize()} without labels: names of folders mean nothing here."
        rows = tuple((text,) for text in shown if text)
        column = "text" if source.is_file() else "file"
        return Sniffed(sure=_HARDLY, modality=modality, columns=(column,), rows=rows, sentence=sentence)

    def read(self, source: Path) -> Iterator[RawItem | Skipped]:
        modality = _modality(source)
        if not modality:
            raise DataError(
                f"{readable(source)} holds no pictures, sounds, texts or films. Name a folder that does, or a text "
                "file with one text in each line."
            )
        if source.is_dir():
            yield from Walker(source, modality).read(source, CLASS)
            return
        for number, line in lines_of(source):
            if text := line.strip():
                yield RawItem(source, CLASS, member=f"line {number}", text=text)


def _modality(source: Path) -> str:
    if source.is_dir():
        return modality_below(source)
    return "text" if source.is_file() and source.suffix.lower() in (".txt", ".text") else ""
