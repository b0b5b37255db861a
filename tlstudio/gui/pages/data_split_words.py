"""How a data set can be divided, in words."""

from tlstudio.gui import text

SHARES, SOURCE, FOLDS, TIME, FILES = "shares", "source", "folds", "time", "files"
NOTHING, COLUMN, FOLDER, PATTERN = "", "column", "folder", "pattern"
WAYS = {
    SHARES: "Split for me", SOURCE: "As the source says", FOLDS: "Cross-validation", TIME: "By time",
    FILES: "From files",
}  # fmt: skip
TOGETHER = {
    NOTHING: "nothing but duplicates",
    COLUMN: "items with the same value in a column",
    FOLDER: "items of the same folder",
    PATTERN: "items that a pattern in the file name joins",
}

EXPLAINED = {
    SHARES: "A model learns from the training part, is chosen by the validation part, and is judged once, at the end, "
    "by the test part. Each has the same mix.",
    SOURCE: "Folders named train, val and test, a column of the table, or files that come with the data say what "
    "belongs where. What is missing is taken from the training part.",
    FOLDS: "Import or split again with each number in turn: every item is then tested on once, and the mean over the "
    "parts is worth more than one test.",
    TIME: "The oldest items train, newer ones validate, the newest test: as it will be when the model is used.",
    FILES: "Each sample goes where a list says: a table with the columns path and split, or a folder with train.txt, "
    "val.txt and test.txt that name files.",
}


def sentence(way: str, shares: tuple[float, ...], folds: tuple[int, int], near: bool, together: str) -> str:
    """``shares`` in percent; ``folds``: how many, and which is tested on; ``together``: one of ``TOGETHER``."""
    train, val, test = (f"{share:g} %" for share in shares)
    parts = f"{train} for training, {val} for validation, {test} for the test"
    match way:
        case "source":
            how = "The parts are those that the source gives"
        case "files":
            how = "The parts are those that the lists give"
        case "folds":
            count, fold = folds
            how = (
                f"{count} parts of the same size and the same mix: number {fold} is the test, number "
                f"{fold % count + 1} the validation"
            )
        case "time":
            how = f"By time, the newest last: {parts}"
        case _:
            how = f"{parts}, with the same mix in each"
    kept = ["copies"] + ["near duplicates"] * near + [TOGETHER[together]] * (together != NOTHING)
    return f"{how}. {text.listed(kept).capitalize()} stay together."
