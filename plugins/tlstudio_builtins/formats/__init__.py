"""Layouts of picture collections on disk. Descriptors alone; the readers are imported on first use."""

from tlstudio.api import FormatDescriptor, images_only

FORMATS: list[FormatDescriptor] = [
    FormatDescriptor(
        id="image-folder",
        title="One folder for each class",
        description="A folder whose subfolders are named after the classes and hold their pictures, however deep.",
        factory="tlstudio_builtins.formats.image_folder:ImageFolder",
        supports=images_only,
    ),
    FormatDescriptor(
        id="split-folders",
        title="Folders for train, val and test",
        description="A folder with train, val and test (or training, valid, testing ...), each with a folder for "
        "each class. Splits that are missing are taken from the training pictures.",
        factory="tlstudio_builtins.formats.split_folders:SplitFolders",
        supports=images_only,
    ),
    FormatDescriptor(
        id="csv",
        title="A table that lists the pictures",
        description="A CSV or TSV file, or a folder with exactly one of them beside the pictures, with a column of "
        "file names and a column of labels; columns named split and group are used where they exist.",
        factory="tlstudio_builtins.formats.csv_table:CsvTable",
        supports=images_only,
    ),
]
