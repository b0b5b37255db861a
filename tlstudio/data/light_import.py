"""torchvision and optimizers without torch's compiler, which they import only to mark what must not be compiled.

The compiler takes longer to import than everything else that a worker needs, and nothing here compiles.
"""

import functools
import sys
import types
from collections.abc import Callable
from typing import Any

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


def lighten_optimizers() -> None:
    """Lets torch's optimizers step without importing the compiler, where nobody has imported it yet.

    ``add_param_group``, ``zero_grad`` and the like would first ask it for a version that is not compiled: they are that
    version. ``step`` tells it where the compiled graph breaks, and sets whether gradients flow: only that is done. What
    is not as it is known here stays as it is.
    """
    if _COMPILER in sys.modules:
        return
    from torch import optim

    for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
        plain = getattr(getattr(optim.Optimizer, name), "__wrapped__", None)
        if plain is not None:
            plain.__dynamo_disable = plain
    for kind in (optim.AdamW, optim.Adam, optim.SGD):
        step: Any = kind.__dict__.get("step")
        if step is not None and getattr(getattr(step, "__code__", None), "co_name", "") == "_use_grad":
            kind.step = _with_its_gradients(step.__wrapped__)  # type: ignore[method-assign]


def _with_its_gradients(step: Callable[..., Any]) -> Callable[..., Any]:
    from torch import set_grad_enabled

    @functools.wraps(step)
    def stepped(self: Any, *arguments: Any, **named: Any) -> Any:
        with set_grad_enabled(self.defaults["differentiable"]):
            return step(self, *arguments, **named)

    return stepped
