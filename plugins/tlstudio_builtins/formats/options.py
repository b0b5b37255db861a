"""What the user may set of the formats. No reader is imported here."""

from typing import Literal

from tlstudio.api import Options, option

_SEVERAL = "Several are separated by commas."
_EMPTY = "Empty: recognised by its name and content."


class TableOptions(Options):
    """Empty texts are filled in by looking at the table."""

    file_column: str = option("", title="File", help=f"Column with the files' names. {_EMPTY}")
    text_column: str = option("", title="Text", help="Column with the texts themselves, where there are no files.")
    label_columns: str = option(
        "", title="Label", help=f"Column with the class; or columns of 0 and 1, one for each label. {_SEVERAL}"
    )
    number_columns: str = option("", title="Numbers", help=f"Columns with the numbers to be predicted. {_SEVERAL}")
    mask_column: str = option("", title="Mask", help="Column with the files of the masks.", level="all")
    separator: str = option(
        "", title="Between labels", help="What separates several labels in one cell, such as |. Empty: recognised."
    )
    split_column: str = option("", title="Split", help="Column that says train, val or test.")
    group_column: str = option("", title="Group", help="Column of what must stay together: patient, speaker, camera.")
    time_column: str = option("", title="Time", help="Column to split by time with.", level="all")
    partner_column: str = option(
        "", title="Partner", help="Column with the files of a second modality, one for each sample.", level="all"
    )
    header: Literal["auto", "yes", "no"] = option(
        "auto", title="First row", help="Whether the first row names the columns (no: they are column 1, column 2 ...)."
    )


class FlatOptions(Options):
    pattern: str = option(
        "", title="Pattern", help="A regular expression that is looked for in the file's name without its ending, with "
        "the groups (?P<label>...) and, if wanted, (?P<group>...) and (?P<split>...). Empty: found by looking at the "
        "names.",
    )  # fmt: skip


class IdxOptions(Options):
    class_names: str = option(
        "", title="Names of the classes", help="In the order of their numbers, separated by commas. Empty: the numbers."
    )


class MaskOptions(Options):
    class_names: str = option(
        "", title="Names of the classes",
        help="In the order of the masks' pixel values, separated by commas. Empty: background and foreground, or the "
        "values.",
    )  # fmt: skip


class ParquetOptions(Options):
    """Empty texts are filled in by looking at the files."""

    sample_column: str = option("", title="Sample", help="Column with the pictures, sounds or texts.")
    label_columns: str = option(
        "", title="Label", help="Column with the class, the labels or a number; several columns of numbers with commas."
    )
    group_column: str = option("", title="Group", help="Column of what must stay together.")
    config: str = option("", title="Part", help="Of several parts (configurations) in one folder, the one to read.")
