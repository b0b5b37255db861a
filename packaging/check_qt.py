"""Says whether this machine has the system libraries that Qt's window needs; run by the environment's Python.

Exit status 0: all there. 1: some are missing; each is on a line of its own. Loads no Qt module, needs no display.
"""

import ctypes
import importlib.util
import sys
from pathlib import Path

PLUGINS = ("libqxcb.so", "libqoffscreen.so")


def missing(qt: Path) -> list[str]:
    """What the dynamic linker does not find for Qt's platform plugins below ``qt``, one message for each plugin."""
    messages = []
    for name in PLUGINS:
        try:
            ctypes.CDLL(str(qt / "plugins" / "platforms" / name))
        except OSError as error:
            messages.append(str(error))
    return messages


def main() -> int:
    found = importlib.util.find_spec("PySide6")
    if found is None or found.origin is None:
        print("PySide6 is not installed")
        return 1
    messages = missing(Path(found.origin).parent / "Qt") if sys.platform.startswith("linux") else []
    print("\n".join(messages), end="\n" if messages else "")
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main())
