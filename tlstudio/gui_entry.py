"""The step from the command line into the window, and what is said where there is no Qt."""

import importlib.util
import os
import sys


def run(arguments: list[str]) -> int:
    """Opens the window on the project in ``arguments``, if there is one. Returns the exit status."""
    if "--safe-mode" in arguments:
        os.environ["TLSTUDIO_SAFE_MODE"] = "1"
    missing = [name for name in ("PySide6", "pyqtgraph") if importlib.util.find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"The desktop application needs {' and '.join(missing)}: pip install 'tlstudio[gui]'. "
            "Everything else works without: see tlstudio --help.\n"
        )
        return 1
    projects = [argument for argument in arguments if not argument.startswith("-")]
    from tlstudio.gui import app

    return int(app.main(projects[0] if projects else None))
