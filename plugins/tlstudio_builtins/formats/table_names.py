"""What columns of tables are usually called, as :func:`csv_text.normalised` spells it."""

FILE = (
    "file", "filename", "filepath", "path", "image", "imagepath", "imagefile", "imagename", "imagefilename", "img",
    "imgpath", "picture", "photo", "audio", "audiofile", "audiopath", "wav", "wavfile", "clip", "video", "videofile",
    "videopath", "slicefilename", "imageid", "fname",
)  # fmt: skip
PERHAPS_FILE = ("id", "name")
TEXT = (
    "text", "sentence", "message", "review", "content", "body", "sms", "comment", "comments", "tweet", "question",
    "document", "utterance", "abstract", "headline",
)  # fmt: skip
LABEL = (
    "label", "labels", "class", "classname", "classlabel", "category", "target", "y", "species", "breed", "diagnosis",
    "tag", "tags", "sentiment", "intent", "emotion", "kinds", "genre",
)  # fmt: skip
SEVERAL = ("labels", "tags", "kinds", "classes", "categories")
MASK = ("mask", "maskfile", "maskpath", "segmentation", "segmentationmask")
SPLIT = ("split", "subset", "partition", "set", "usage", "fold")
PERHAPS_SPLIT = ("set", "usage", "fold")
GROUP = ("group", "groupid", "patient", "patientid", "subject", "subjectid", "speaker", "speakerid")
PARTNER = ("partner", "pair", "pairedfile")
KNOWN = (FILE, PERHAPS_FILE, TEXT, LABEL, MASK, SPLIT, GROUP)
