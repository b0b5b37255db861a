"""How long the window keeps a user waiting while a worker trains at full load and 1,000 events a second come in.

    xvfb-run -a python tests/performance/event_loop_delay.py [--seconds 20] [--events 1000]

A timer of 5 ms in the window's thread measures how late it is called. The window is real and shows the page of a run;
a real worker fine-tunes on every core meanwhile, and a generator in another thread feeds the same page through
``RunThread`` and ``Session``, as a worker would that takes a thousand steps a second. The column ``own`` is the most
processor time that the window's thread itself took between two calls: what is left of the delay when nothing else
wants the processor.
"""

import argparse
import math
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

TARGET_MS = 50.0


def endless_events(rate: int, stop: list[bool]) -> Iterator[object]:
    """Steps of a run at ``rate`` a second, an epoch each 100 of them."""
    from tlstudio.api.events import EpochDone, Finished, PhaseStarted, StepDone

    yield PhaseStarted(index=0, count=1, name="all", title="all layers", epochs=10_000, steps_per_epoch=100)
    began, number, source = time.perf_counter(), 0, random.Random(0)
    while not stop:
        for _ in range(max(1, round((time.perf_counter() - began) * rate) - number)):
            number += 1
            loss = 0.3 + 1.5 * math.exp(-number / 3000) + source.gauss(0, 0.08)
            yield StepDone(step=number, epoch=number / 100, loss=loss, lr=1e-3, images_per_second=900.0, progress=0.5)
            if number % 100 == 0:
                values = {"val_loss": loss, "val_accuracy": 1 - loss / 2}
                yield EpochDone(epoch=number // 100, step=number, metrics=values, best=number % 1000 == 0)
        time.sleep(0.001)
    yield Finished()


def make_project(folder: Path) -> Path:
    """The 1,797 real handwritten digits of scikit-learn as a project, through the import that the window calls."""
    from PIL import Image
    from sklearn.datasets import load_digits

    from tlstudio import jobs
    from tlstudio.api.events import Failed
    from tlstudio.project import Project

    digits, pictures = load_digits(), folder / "digits"
    for number, (pixels, digit) in enumerate(zip(digits.images, digits.target, strict=True)):
        (pictures / str(digit)).mkdir(parents=True, exist_ok=True)
        grey = Image.fromarray(np.clip(pixels * 16, 0, 255).astype(np.uint8)).resize((32, 32))
        grey.save(pictures / str(digit) / f"{number:04d}.png")
    path = folder / "digits.tlproj"
    Project.create(path).close()
    for event in jobs.start("import-data", {"project": str(path), "source": str(pictures), "name": "digits"}):
        if isinstance(event, Failed):
            raise SystemExit(event.sentence)
    return path


def measure(project: Path, seconds: float, rate: int) -> dict[str, dict[str, float]]:
    """Delays in milliseconds, first without and then with work; as percentiles by situation."""
    from PySide6.QtCore import QObject, QTimer, Slot
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    from tlstudio import runs as planning
    from tlstudio.gui import app as application_module
    from tlstudio.gui.main_window import MainWindow
    from tlstudio.gui.run_thread import RunThread
    from tlstudio.gui.session import Session
    from tlstudio.settings import Settings

    application = QApplication.instance() or QApplication(sys.argv)
    application_module.prepare(application, "light")
    session = Session(Settings())
    window = MainWindow(session)
    window.resize(1440, 900)
    window.show()
    session.open_project(project)
    QTest.qWait(1500)
    request = {"dataset": "digits", "backbone": "glyphnet", "method": "fine-tuning"}
    options = {"epochs": 10_000, "patience": 0}
    shown = planning.create_run(session.project, session.registry, options=options, **request)
    working = planning.create_run(session.project, session.registry, options=options, seed=1, **request)
    session.refresh_runs()
    session.select_run(shown.id)
    window.show_page("run")
    QTest.qWait(1500)

    delays: list[float] = []
    own: list[float] = []
    last, spent = [time.perf_counter()], [time.thread_time()]

    def tick() -> None:
        now = time.perf_counter()
        delays.append(max(0.0, (now - last[0]) * 1000 - 5.0))
        last[0] = now
        used = time.thread_time()
        own.append((used - spent[0]) * 1000)
        spent[0] = used

    class Feeder(QObject):
        seen = 0

        @Slot(object)
        def on_event(self, event: object) -> None:
            self.seen += 1
            session.run_event.emit(shown.id, event)

    def settle(length: float) -> dict[str, float]:
        delays.clear()
        own.clear()
        last[0] = time.perf_counter()
        QTest.qWait(round(length * 1000))
        values = np.asarray(delays)
        return {
            "p50": float(np.percentile(values, 50)),
            "p99": float(np.percentile(values, 99)),
            "max": float(values.max()),
            "own": max(own),
            "ticks": float(values.size),
        }

    timer = QTimer()
    timer.setInterval(5)
    from PySide6.QtCore import Qt

    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(tick)
    timer.start()
    found = {"window alone": settle(min(seconds, 5.0))}
    session.start_run(working.id)
    deadline = time.monotonic() + 180
    while not any(type(event).__name__ == "StepDone" for event in session.active.history.events(working.id)):
        if time.monotonic() > deadline:
            raise SystemExit("The worker did not begin to train within three minutes.")
        QTest.qWait(200)
    found["worker at full load"] = settle(min(seconds, 10.0))
    stop: list[bool] = []
    feeder = Feeder()
    thread = RunThread(lambda: endless_events(rate, stop))
    thread.event.connect(feeder.on_event)
    page = window.pages.page("run")
    thread.start()
    QTest.qWait(500)
    before, began = feeder.seen, time.perf_counter()
    page.plot.redraws, page.plot.slowest_redraw = 0, 0.0
    label = f"and {rate:,} events a second"
    found[label] = settle(seconds)
    took = time.perf_counter() - began
    found[label]["events/s"] = (feeder.seen - before) / took
    found[label]["redraws/s"] = page.plot.redraws / took
    found[label]["slowest redraw"] = page.plot.slowest_redraw * 1000
    found[label]["points"] = float(len(page.plot.curves.train))
    stop.append(True)
    thread.wait(5000)
    timer.stop()
    session.active.send(working.id, "stop")  # it would go on without its window
    while session.active.busy:
        QTest.qWait(100)
    window.close()
    session.shutdown()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--events", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TLSTUDIO_HOME"] = str(Path(folder) / "home")
        found = measure(make_project(Path(folder)), arguments.seconds, arguments.events)
    print(f"Delay of the window's event loop in ms (a timer of 5 ms; goal: p99 and max under {TARGET_MS:.0f})")
    print(f"{'situation':<32}{'p50':>8}{'p99':>8}{'max':>8}{'own':>8}{'ticks':>8}")
    for situation, row in found.items():
        print(
            f"{situation:<32}{row['p50']:>8.1f}{row['p99']:>8.1f}{row['max']:>8.1f}{row['own']:>8.1f}{row['ticks']:>8.0f}"
        )
    last = list(found.values())[-1]
    print(
        f"{last['events/s']:.0f} events/s received, {last['redraws/s']:.1f} redraws/s, slowest redraw "
        f"{last['slowest redraw']:.1f} ms, {last['points']:,.0f} points at the end, {os.cpu_count()} cores"
    )
    good = last["p99"] < TARGET_MS and last["max"] < TARGET_MS
    print("within the goal" if good else "MISSES the goal")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
