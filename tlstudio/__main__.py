"""``tlstudio``: without a command the desktop application, otherwise the command line."""

import sys
from pathlib import Path


def main() -> None:
    from tlstudio import installer

    installer.activate()
    arguments = sys.argv[1:]
    if _wants_window(arguments):
        from tlstudio.gui_entry import run

        sys.exit(run(arguments))
    from tlstudio.cli import run_command_line

    sys.exit(run_command_line(arguments))


def _wants_window(arguments: list[str]) -> bool:
    rest = [argument for argument in arguments if argument != "--safe-mode"]
    return not rest or (len(rest) == 1 and not rest[0].startswith("-") and Path(rest[0]).exists())


if __name__ == "__main__":
    main()
