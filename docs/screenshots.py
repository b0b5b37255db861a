"""Makes the screenshots of the documentation: every page of the real window, light and dark.

    xvfb-run -a -s "-screen 0 1440x900x24" python docs/screenshots.py [PROJECT] [--out docs/images] [--size 1440x900]

Without a project the demo's is made first (two to three minutes). A project that is given is opened as it is.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
THEMES = ("light", "dark")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project", nargs="?", type=Path)
    parser.add_argument("--out", type=Path, default=HERE / "images")
    parser.add_argument("--size", default="1440x900")
    parser.add_argument("--pages", default="", help="ids of pages, separated by commas; default: all")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tlstudio-screenshots-") as home:
        os.environ.setdefault("TLSTUDIO_HOME", home)
        project = chosen.project.resolve() if chosen.project else make_demo(Path(home) / "digits.tlproj")
        width, height = (int(side) for side in chosen.size.split("x"))
        wanted = [page for page in chosen.pages.split(",") if page]
        made = photograph(project, chosen.out, (width, height), wanted)
    print(f"{made} screenshots in {chosen.out}")
    return 0


def make_demo(project: Path) -> Path:
    from tlstudio import jobs
    from tlstudio.api.events import Failed

    for event in jobs.start("demo", {"project": str(project)}):
        if isinstance(event, Failed):
            sys.exit(event.sentence)
    return project


def photograph(project: Path, out: Path, size: tuple[int, int], wanted: list[str]) -> int:
    from PySide6.QtWidgets import QApplication

    from tlstudio.gui import app
    from tlstudio.gui.page_table import PAGES
    from tlstudio.gui.session import Session
    from tlstudio.settings import Settings

    application = QApplication([])
    follower = app.prepare(application, THEMES[0])
    session = Session(Settings())
    window = app.build_window(session)
    window.resize(*size)
    window.show()
    session.load_registry()
    session.open_project(project)
    settle(session)
    finished = [run.id for run in session.runs if run.state == "finished"]
    if finished:
        session.select_run(finished[-1])
    made = 0
    for theme in THEMES:
        follower.set_theme(theme)
        for row in PAGES:
            if wanted and row.id not in wanted:
                continue
            window.show_page(row.id)
            settle(session)
            window.grab().save(str(out / f"{row.id.replace('_', '-')}-{theme}.png"))
            made += 1
    session.shutdown()
    return made


def settle(session, patience_ms: int = 1500) -> None:  # type: ignore[no-untyped-def]  # a script
    """Lets everything that was asked for arrive and be painted."""
    from PySide6.QtCore import QElapsedTimer, QEventLoop, QTimer

    clock = QElapsedTimer()
    clock.start()
    while clock.elapsed() < patience_ms or (not session.background.idle and clock.elapsed() < 10_000):
        loop = QEventLoop()  # a real loop: deferred deletions happen in no other
        QTimer.singleShot(100, loop.quit)
        loop.exec()


if __name__ == "__main__":
    sys.exit(main())
