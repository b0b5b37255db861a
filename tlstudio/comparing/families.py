"""Methods in groups, by what they learn from."""

from tlstudio.api.method import MethodDescriptor

FAMILIES = (
    "From a pretrained backbone",
    "From a teacher",
    "With samples without labels",
    "With a second data set",
    "From finished runs",
    "Pre-training",
)
PRETRAINING = FAMILIES[-1]


def family(method: MethodDescriptor) -> str:
    """One of ``FAMILIES``: what it needs decides, then what it takes."""
    if method.id.startswith("pretrain") or not (method.target_labels or "source" in method.needs):
        return PRETRAINING
    for need, name in (
        ("runs", "From finished runs"),
        ("teacher", "From a teacher"),
        ("source", "With a second data set"),
        ("unlabelled", "With samples without labels"),
    ):
        if need in method.needs:
            return name
    if "teacher" in method.takes:
        return "From a teacher"
    if "source" in method.takes:
        return "With a second data set"
    return "From a pretrained backbone"


def grouped(methods: list[MethodDescriptor]) -> list[tuple[str, list[MethodDescriptor]]]:
    """In the order of ``FAMILIES``, each with its methods as they come; empty ones are left out."""
    found = [(name, [method for method in methods if family(method) == name]) for name in FAMILIES]
    return [(name, some) for name, some in found if some]


def first_sentence(text: str) -> str:
    """Up to the first full stop or semicolon that ends a clause."""
    for end in (". ", "; "):
        head, found, _ = text.partition(end)
        if found:
            text = f"{head.rstrip('.')}."
    return text
