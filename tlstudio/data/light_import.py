"""torchvision without torch's compiler, which it would import only to mark what must not be compiled."""

import sys
import types

_COMPILER, _UTILS = "torch._dynamo", "torch._dynamo.utils"


def import_torchvision() -> None:
    """Imports torchvision in less than half the time, where nobody has imported it yet.

    ``torchvision.ops.roi_align`` asks ``torch._dynamo.utils`` whether it can be compiled, ``tv_tensors`` has a function
    marked as not to be compiled. For as long as the import takes, something that says no and marks nothing stands in
    for the compiler; afterwards whoever needs it imports the real one. Nothing here compiles transforms.
    """
    if "torchvision" in sys.modules or _COMPILER in sys.modules:
        return
    import torch  # noqa: F401 - first, as it is

    compiler, utils = types.ModuleType(_COMPILER), types.ModuleType(_UTILS)
    compiler.__path__ = []
    utils.is_compile_supported = lambda _device: False  # type: ignore[attr-defined]  # all that it asks
    compiler.disable = lambda function, *_how, **_why: function  # type: ignore[attr-defined]
    sys.modules.update({_COMPILER: compiler, _UTILS: utils})
    try:
        import torchvision.transforms.v2  # noqa: F401
    except Exception:  # noqa: BLE001 - another version asks for more; then it is imported in full, by whoever needs it
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
    finally:
        for name in (_COMPILER, _UTILS):
            sys.modules.pop(name, None)
