"""Layouts of data sets on disk. Descriptors alone; the readers are imported on first use."""

from tlstudio.api import FormatDescriptor
from tlstudio_builtins.formats.options import FlatOptions, IdxOptions, MaskOptions, ParquetOptions, TableOptions

_ALL = ("image", "audio", "text", "video")
_TASKS = ("classification", "multilabel", "regression", "segmentation")

FORMATS: list[FormatDescriptor] = [
    FormatDescriptor(
        id="image-folder",
        title="One folder for each class",
        description="A folder whose subfolders are named after the classes and hold their pictures, sounds, texts or "
        "films, however deep.",
        factory="tlstudio_builtins.formats.image_folder:ImageFolder",
        modalities=_ALL,
        writes=("classification",),
    ),
    FormatDescriptor(
        id="split-folders",
        title="Folders for train, val and test",
        description="A folder with train, val and test (or training, valid, testing ...), each with a folder for "
        "each class. Splits that are missing are taken from the training samples.",
        factory="tlstudio_builtins.formats.split_folders:SplitFolders",
        modalities=_ALL,
        writes=("classification",),
    ),
    FormatDescriptor(
        id="csv",
        title="A table (CSV or TSV)",
        description="A CSV or TSV file, or a folder with exactly one of them, that names files or holds the texts "
        "themselves, with columns of classes, labels or numbers; columns named split and group are used.",
        factory="tlstudio_builtins.formats.csv_table:CsvTable",
        options=TableOptions,
        modalities=_ALL,
        tasks=_TASKS,
        writes=_TASKS,
    ),
    FormatDescriptor(
        id="jsonl",
        title="A table of JSON lines",
        description="A file with one JSON object in each line, which names a file or holds a text, with its class, "
        "labels or numbers.",
        factory="tlstudio_builtins.formats.csv_table:JsonLines",
        options=TableOptions,
        modalities=_ALL,
        tasks=_TASKS,
        writes=_TASKS,
    ),
    FormatDescriptor(
        id="mask-folders",
        title="Pictures and masks",
        description="A folder of pictures and one of masks of the same names (images and masks), or masks beside the "
        "pictures with names such as 1_mask.png.",
        factory="tlstudio_builtins.formats.mask_folders:MaskFolders",
        options=MaskOptions,
        task="segmentation",
        tasks=("segmentation",),
        writes=("segmentation",),
    ),
    FormatDescriptor(
        id="coco",
        title="COCO",
        description="A JSON file with the boxes and outlines of objects: their classes, their counts, or masks drawn "
        "from their outlines.",
        factory="tlstudio_builtins.formats.coco:Coco",
        task="segmentation",
        tasks=_TASKS,
    ),
    FormatDescriptor(
        id="voc",
        title="Pascal VOC",
        description="An XML file for each picture with the boxes of its objects: their classes or their counts; or "
        "the masks in SegmentationClass.",
        factory="tlstudio_builtins.formats.voc:PascalVoc",
        task="multilabel",
        tasks=_TASKS,
    ),
    FormatDescriptor(
        id="yolo",
        title="YOLO",
        description="Pictures with a text file each that lists boxes or outlines: their classes, their counts, or "
        "masks drawn from the outlines. (YOLO's classification layout is train, val and test.)",
        factory="tlstudio_builtins.formats.yolo:Yolo",
        task="multilabel",
        tasks=_TASKS,
    ),
    FormatDescriptor(
        id="idx",
        title="idx (MNIST)",
        description="Files such as train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz.",
        factory="tlstudio_builtins.formats.idx:Idx",
        options=IdxOptions,
    ),
    FormatDescriptor(
        id="cifar",
        title="CIFAR, binary version",
        description="The .bin files of CIFAR-10 and CIFAR-100 with the text file of their classes.",
        factory="tlstudio_builtins.formats.cifar:Cifar",
    ),
    FormatDescriptor(
        id="parquet",
        title="Parquet and Hugging Face data sets",
        description="Parquet or Arrow files with a column of pictures, sounds or texts and one of labels, as on the "
        "Hugging Face hub and as its library saves them.",
        factory="tlstudio_builtins.formats.parquet:Parquet",
        options=ParquetOptions,
        modalities=_ALL,
        tasks=_TASKS[:3],
        writes=_TASKS[:3],
    ),
    FormatDescriptor(
        id="webdataset",
        title="WebDataset shards",
        description="Tar files in which 0001.jpg and 0001.cls or 0001.json make a sample. They are read in place.",
        factory="tlstudio_builtins.formats.webdataset:WebDataset",
        modalities=_ALL,
        tasks=_TASKS,
        writes=_TASKS,
    ),
    FormatDescriptor(
        id="flat-folder",
        title="One folder, classes in the file names",
        description="Files named such as cat_12.jpg or 7_george_3.wav: a pattern says which part is the class, and "
        "which the group that must stay together.",
        factory="tlstudio_builtins.formats.flat_folder:FlatFolder",
        options=FlatOptions,
        modalities=_ALL,
    ),
    FormatDescriptor(
        id="unlabelled",
        title="Samples without labels",
        description="Pictures, sounds, texts or films in a folder, however deep, or a text file with one text in each "
        "line. They have no labels, and are for methods that learn from such samples too.",
        factory="tlstudio_builtins.formats.unlabelled:Unlabelled",
        modalities=_ALL,
        labelled=False,
    ),
]
