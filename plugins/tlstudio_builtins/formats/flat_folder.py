"""``flat-folder``: files in one folder that say their class, and perhaps their group, in their names."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tlstudio.api import DataError, Options, RawItem, Skipped, Sniffed
from tlstudio.places import readable
from tlstudio_builtins.formats.folders import NOUNS, listing, modality_of, modality_of_name, why_not
from tlstudio_builtins.formats.options import FlatOptions
from tlstudio_builtins.formats.split_folders import SPELLINGS

_LOOKED_AT = 3000
_BREAKS = re.compile(r"[_\-. ]")


class FlatFolder:
    """A :class:`tlstudio.api.DatasetFormat` that looks and can be configured."""

    def __init__(self) -> None:
        self._pattern = ""

    def configure(self, options: Options, task: str) -> None:
        if task not in ("", "auto", "classification"):
            raise DataError(f"Names of files give classes, not data for {task}.")
        if isinstance(options, FlatOptions):
            self._pattern = options.pattern

    def sniff(self, source: Path) -> float:
        if not source.is_dir():
            return 0.0
        stems = _stems(source)[1]
        return 0.4 if len(stems) > 3 and (self._pattern or propose(stems)) else 0.0

    def look(self, source: Path) -> Sniffed:
        sure = self.sniff(source)
        if not sure:
            return Sniffed(sure=0.0)
        modality, stems = _stems(source)
        pattern = self._pattern or propose(stems)
        found = [(stem, hit) for stem in stems if (hit := _compiled(pattern).search(stem))]
        labels = Counter(_part(hit, "label") for _, hit in found)
        first = ", ".join(f"'{label}'" for label, _ in labels.most_common(4))
        step = max(1, len(found) // 8)
        return Sniffed(
            sure=sure, modality=modality, columns=("name", "class", "group"), options={"pattern": pattern},
            rows=tuple((s, _part(h, "label"), _part(h, "group")) for s, h in found[::step][:8]),
            sentence=f"{NOUNS[modality][1].capitalize()} in one folder, {len(labels)} classes by their names: {first}.",
        )  # fmt: skip

    def read(self, source: Path) -> Iterator[RawItem | Skipped]:
        if not source.is_dir():
            raise DataError(f"{readable(source)} is not a folder. Name the one that holds the files.")
        modality, stems = _stems(source)
        pattern = self._pattern or propose(stems)
        if not pattern:
            raise DataError(
                f"The names of the files in {readable(source)} do not show their classes. Give a pattern such as "
                f"^(?P<label>[^_]+)_ for what stands before the first underscore."
            )
        compiled = _compiled(pattern)
        for entry in listing(source):
            path = Path(entry.path)
            if entry.is_dir():
                yield Skipped(path, "It is a folder, and the files of one folder alone are read.")
                continue
            hit = compiled.search(path.stem)
            split = _part(hit, "split").lower()
            if reason := why_not(entry.name, modality):
                yield Skipped(path, reason)
            elif not _part(hit, "label"):
                yield Skipped(path, "Its name does not fit the pattern, so it has no class.")
            elif split and split not in SPELLINGS:
                yield Skipped(path, f"Its split is '{split[:60]}', which is none of train, val and test.")
            else:
                yield RawItem(path, _part(hit, "label"), SPELLINGS.get(split, ""), _part(hit, "group"))


def propose(stems: Sequence[str]) -> str:
    """A pattern whose label repeats: ``0_george_1`` gives class 0 of group george, ``great_dane_12`` great_dane."""
    tokens = [_BREAKS.split(stem) for stem in stems]
    width = len(tokens[0]) if tokens else 0
    if width > 1 and sum(len(parts) == width for parts in tokens) >= 0.95 * len(tokens):
        columns = [[parts[n] for parts in tokens if len(parts) == width] for n in range(width)]
        few = [n for n, values in enumerate(columns) if 1 < len(set(values)) <= len(values) / 2 and "" not in values]
        if few:
            return _pattern(width, few[0], few, columns)
    bare = Counter(hit.group(1) for stem in stems if (hit := re.match(r"(.*?\D)[_\-. (]*\d+\)?$", stem)))
    if len(bare) > 1 and 0.95 * len(stems) <= sum(bare.values()) >= 2 * len(bare):
        return r"^(?P<label>.*?[^\d_\-. (])[_\-. (]*\d+\)?$"
    return ""


def _pattern(width: int, label: int, few: Sequence[int], columns: Sequence[Sequence[str]]) -> str:
    """One part of the name after the other; a second one that repeats, and is no number, is the group."""
    group = next((n for n in few if n != label and not all(v.isdecimal() for v in columns[n])), -1)
    names = {label: "(?P<label>[^_. -]+)", group: "(?P<group>[^_. -]+)"}
    return "^" + "[_. -]".join(names.get(n, "[^_. -]*") for n in range(width)) + "$"


def _compiled(pattern: str) -> "re.Pattern[str]":
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise DataError(f"'{pattern}' is no pattern: {error}.") from error
    if "label" not in compiled.groupindex:
        raise DataError(f"The pattern '{pattern}' has no part (?P<label>...), which says what the class is.")
    return compiled


def _part(hit: "re.Match[str] | None", name: str) -> str:
    return (hit.groupdict().get(name) or "") if hit else ""


def _stems(source: Path) -> tuple[str, list[str]]:
    """The modality of the files directly in the folder, and the names of some of them, spread over all."""
    names = [entry.name for entry in listing(source) if modality_of_name(entry.name)]
    names = names[:: max(1, len(names) // _LOOKED_AT)]
    modality = modality_of(Counter(map(modality_of_name, names))) or "image"
    return modality, [Path(name).stem for name in names if modality_of_name(name) == modality]
