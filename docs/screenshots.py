"""Makes the screenshots of the documentation: every page of the real window, light and dark.

    xvfb-run -a -s "-screen 0 1440x900x24" python docs/screenshots.py [PROJECT] [--out docs/images] [--size 1440x900]

Without a project the demo's is made first, with a comparison, a measured robustness and a run that waits for its new
labels to be looked at (some ten minutes). A project that is given is opened as it is.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
THEMES = ("light", "dark")
COMPARED = ("feature-extraction", "fine-tuning", "bias-tuning", "lora")
VIEWS = {"robustness": "robustness"}  # names of pictures, and which part of the results they show
REVIEW = "review"  # the page of a run that waits


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
    short = [word for method in COMPARED[1:] for word in ("--set", f"{method}.epochs=4")]
    few = ["--dataset", "digits", "--backbone", "glyphnet", "--labels-per-class", "5"]
    labels = ["--method", "self-training", "--set", "train=head", "--set", "threshold=0.9", "--set", "review=true"]
    for words in (
        ["compare", str(project), *few, "--methods", ",".join(COMPARED), "--seeds", "0,1", *short],
        ["robustness", str(project), "2", "--samples", "50"],
        ["train", str(project), *few, *labels],
    ):
        subprocess.run([sys.executable, "-m", "tlstudio", *words], check=False)
    return project


def photograph(project: Path, out: Path, size: tuple[int, int], wanted: list[str]) -> int:
    from PySide6.QtWidgets import QApplication

    from tlstudio.gui import app
    from tlstudio.gui.interrupted import InterruptedPanel
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
    window.findChild(InterruptedPanel).dismiss.click()
    finished = [run.id for run in session.runs if run.state == "finished"]
    waiting = [run.id for run in session.runs if run.state == "parked"]
    tuned = [run.id for run in session.runs if run.id in finished and run.method == "fine-tuning"] or finished
    names = [*(row.id for row in PAGES), *VIEWS, *([REVIEW] if waiting else [])]
    made = 0
    for theme in THEMES:
        follower.set_theme(theme)
        for name in [name for name in names if not wanted or name in wanted]:
            chosen = waiting[-1:] if name == REVIEW else tuned[:1]
            if chosen:
                session.select_run(chosen[0])
            window.show_page("results" if name in VIEWS else "run" if name == REVIEW else name)
            settle(session)
            settle(session, arrange(window, name))
            window.grab().save(str(out / f"{name.replace('_', '-')}-{theme}.png"))
            made += 1
    session.shutdown()
    return made


def arrange(window, name: str) -> int:  # type: ignore[no-untyped-def]  # a script
    """What a user would have done before he looks; for how long to wait then, in milliseconds."""
    if name in (*VIEWS, "results"):
        page = window.pages.page("results")
        page.segments.picked.emit(VIEWS.get(name, "predictions"))
        if page.body.matrix.isVisible():
            page.body.matrix.choose(0, 0)
    if name == "train":
        window.pages.page("train").methods.select("fine-tuning")
    if name == "try":
        page, project = window.pages.page("try"), window.session.project
        dataset = window.session.dataset()
        if dataset is not None and not page.list.guesses.guesses:
            page.add_samples(project.manifest(dataset.name).splits["test"].paths[:5])
        return 30_000  # a process starts, and reads the model
    return 1500


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
