"""From the start of the process to the first paint of the window.

    xvfb-run -a python tests/performance/time_to_window.py [--rounds 7]

Each round is a process of its own with a fresh home. The clock starts before the interpreter does and stops at the
first paint of the real main window; beside it stand a bare Qt window, and the modules that must not have been loaded.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

STUDIO = """
import sys, time
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication
from tlstudio import installer
installer.activate()
from tlstudio.gui import app
from tlstudio.gui.main_window import MainWindow
class FirstPaint(QObject):
    def eventFilter(self, watched, event):
        if isinstance(watched, MainWindow) and event.type() == QEvent.Type.Paint:
            heavy = [m for m in ("torch", "torchvision", "pyqtgraph", "sklearn") if m in sys.modules]
            print(time.time(), ",".join(heavy), flush=True)
            QTimer.singleShot(0, QApplication.quit)
        return False
show, watch = MainWindow.show, FirstPaint()
MainWindow.show = lambda window: (QApplication.instance().installEventFilter(watch), show(window))
app.main(None)
"""
BARE = """
import time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget
class Window(QWidget):
    def paintEvent(self, event):
        print(time.time(), flush=True)
        QTimer.singleShot(0, QApplication.quit)
application = QApplication([])
window = Window()
window.show()
application.exec()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    for title, code in (("bare Qt window", BARE), ("Transfer Learning Studio", STUDIO)):
        seconds, heavy = [], ""
        for _ in range(rounds + 1):  # the first warms the disk's cache
            taken, heavy = _once(code)
            seconds.append(taken)
        warm = seconds[1:]
        print(
            f"{title:26} median {statistics.median(warm):.2f} s, slowest {max(warm):.2f} s of {rounds} "
            f"(first {seconds[0]:.2f} s){'; loaded: ' + heavy if heavy else ''}"
        )


def _once(code: str) -> tuple[float, str]:
    with tempfile.TemporaryDirectory() as home:
        started = time.time()
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "TLSTUDIO_HOME": home},
            capture_output=True,
            text=True,
            check=True,
        )
    moment, _, heavy = done.stdout.strip().partition("\n")[0].partition(" ")
    return float(moment) - started, heavy


if __name__ == "__main__":
    main()
