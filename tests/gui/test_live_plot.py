"""The plots of a run: what they gather, how fast they are, what they hand out."""

import csv
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tlstudio.api.events import EpochDone, Event, Message, PhaseStarted, StepDone, to_json
from tlstudio.gui import theme
from tlstudio.gui.live_plot import LivePlot
from tlstudio.gui.plots.curves import RunCurves, metric_title, read_curves
from tlstudio.gui.plots.decimate import peaks, visible
from tlstudio.gui.plots.export import write_chart
from tlstudio.gui.plots.overlay import OverlayPlot
from tlstudio.gui.plots.ranges import inside
from tlstudio.gui.plots.series import Series


def history(epochs: int = 20, steps: int = 10) -> Iterator[Event]:
    """A run whose validation is best in epoch 16."""
    source = random.Random(0)
    yield PhaseStarted(index=0, count=2, name="head", title="head only", epochs=5, steps_per_epoch=steps)
    for epoch in range(1, epochs + 1):
        if epoch == 6:
            yield PhaseStarted(index=1, count=2, name="all", title="all layers", epochs=15, steps_per_epoch=steps)
        for number in range(steps):
            at = epoch - 1 + (number + 1) / steps
            loss = 0.3 + 1.5 * math.exp(-at / 5) + source.gauss(0, 0.05)
            yield StepDone(step=round(at * steps), epoch=at, loss=loss, lr=1e-3, images_per_second=30.0)
        accuracy = 0.833 if epoch == 16 else 0.8 - 0.7 * math.exp(-epoch / 4)
        values = {"train_loss": 1.0 / epoch, "val_loss": 1.2 / epoch, "val_accuracy": accuracy, "val_f1_macro": 0.5}
        yield EpochDone(epoch=epoch, step=epoch * steps, metrics=values, best=epoch in (1, 4, 16))


@pytest.fixture
def plot(qtbot: QtBot) -> LivePlot:
    made = LivePlot()
    qtbot.addWidget(made)
    made.resize(1100, 300)
    with qtbot.waitExposed(made):
        made.show()
    return made


def test_that_smoothing_computes_the_same_piecewise_as_at_once() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    whole, grown = Series(), Series()
    for number, value in enumerate(values):
        whole.append(number, value)
        grown.append(number, value)
        if number % 37 == 0:
            grown.smoothed(0.9)
    mean, expected = 0.0, []
    for number, value in enumerate(values, start=1):
        mean = 0.9 * mean + 0.1 * value
        expected.append(mean / (1 - 0.9**number))
    assert np.allclose(whole.smoothed(0.9), expected)
    assert np.allclose(grown.smoothed(0.9), expected)
    assert whole.smoothed(0.0) is not None
    assert np.array_equal(whole.smoothed(0.0), values)


def test_that_a_loss_that_is_not_finite_is_left_out() -> None:
    series = Series()
    for value in (1.0, math.nan, math.inf, 2.0):
        series.append(len(series), value)
    assert series.y.tolist() == [1.0, 2.0]


def test_that_decimation_keeps_every_spike_and_both_ends() -> None:
    x = np.arange(1_000_000, dtype=np.float64)
    y = np.zeros_like(x)
    y[123_456], y[987_654] = 9.0, -9.0
    fewer_x, fewer_y = peaks(x, y, 500)
    assert fewer_x.size < 1100
    assert fewer_y.max() == 9.0
    assert fewer_y.min() == -9.0
    assert fewer_x[-1] == x[-1]
    assert np.all(np.diff(fewer_x) >= 0)
    part = visible(x, 10.5, 20.5)
    assert (part.start, part.stop) == (10, 22)


def test_that_events_fill_the_plots_and_nothing_is_drawn_for_each_of_them(plot: LivePlot) -> None:
    before = plot.redraws
    for event in history():
        plot.on_event(event)
    assert plot.redraws == before
    QTest.qWait(120)
    assert before < plot.redraws <= before + 6
    assert len(plot.curves.train) == 200
    assert plot.metric_chart.lines["metric"].y.size == 20
    assert plot.curves.metric_names() == ["val_accuracy", "val_f1_macro", "val_loss"]


def test_that_both_charts_keep_up_while_events_never_pause(plot: LivePlot) -> None:
    for number in range(300):
        at = number / 10
        plot.on_event(StepDone(step=number, epoch=at, loss=1.0, lr=0.1, images_per_second=1.0))
        plot.on_event(EpochDone(epoch=number, step=number, metrics={"val_accuracy": 0.5}, best=False))
        if number % 10 == 0:
            QTest.qWait(10)
    assert plot.loss_chart.lines["raw"].y.size > 150
    assert plot.metric_chart.lines["metric"].y.size > 150


def test_that_the_best_point_and_the_phase_are_marked(plot: LivePlot) -> None:
    for event in history():
        plot.on_event(event)
    plot.draw()
    assert plot.curves.best("val_accuracy") == (16.0, 0.833)
    assert plot.metric_chart._best_text.textItem.toPlainText() == "best 83.3 % · epoch 16"
    (mark,) = plot.loss_chart.marks.lines
    assert mark.value() == 5.0
    assert mark.label.toPlainText() == "all layers"
    plot.loss_chart.set_phase_marks(
        [(1.0, "head"), (1.1, "labelling"), (1.2, "all layers, at lower rates"), (1.21, "end")]
    )
    plot.loss_chart.redraw()
    texts = [line.label.toPlainText() for line in plot.loss_chart.marks.lines]
    assert texts[0] == texts[1] == texts[2] == ""  # there is no room before the next
    assert texts[3] == "end"


def test_that_a_text_beside_a_point_stays_in_the_plot() -> None:
    assert inside(10, 50, 400) == 0.0
    assert inside(390, 50, 400) == 1.0
    for place in (60, 130, 170, 199):  # neither side has room for all of it
        share = inside(place, 180, 200)
        assert place - share * 180 >= -1e-9
        assert place + (1 - share) * 180 <= 200 + 1e-9


def test_that_no_timer_runs_and_nothing_is_drawn_while_the_plot_is_hidden(plot: LivePlot) -> None:
    plot.hide()
    before = plot.redraws
    for event in history():
        plot.on_event(event)
    QTest.qWait(120)
    assert plot.redraws == before
    assert not plot._timer.isActive()
    plot.show()
    QTest.qWait(120)
    assert plot.redraws > before


def test_that_a_redraw_stays_short_with_a_hundred_thousand_points(plot: LivePlot) -> None:
    for event in history(epochs=20, steps=5000):
        plot.on_event(event)
    plot.draw()
    plot.grab()
    durations = []
    for number in range(20):
        plot.on_event(StepDone(step=100_001 + number, epoch=20.0, loss=0.3, lr=1e-3, images_per_second=30.0))
        began = time.perf_counter()
        plot.draw()
        durations.append(time.perf_counter() - began)
    assert len(plot.curves.train) == 100_020
    drawn = plot.loss_chart.lines["raw"].item.xData
    assert drawn is not None
    assert drawn.size < 4000
    assert sorted(durations)[len(durations) // 2] < 0.016


def test_that_smoothing_log_scale_and_metric_can_be_chosen(plot: LivePlot) -> None:
    for event in history():
        plot.on_event(event)
    plot.draw()
    plot.smoothing.set_value(0.0)
    line = plot.loss_chart.lines["smooth"]
    assert np.array_equal(line.y, plot.curves.train.y)
    plot.log.click()
    drawn = line.item.yData
    assert drawn is not None
    assert np.allclose(drawn[-1], np.log10(plot.curves.train.y[-1]))
    plot.chosen_metric.set_value("val_loss")
    assert plot.metric_chart.title == "Validation loss"
    assert plot.metric_chart._best_text.textItem.toPlainText().startswith("lowest 0.06")
    plot.show_train.click()
    assert not plot.loss_chart.lines["raw"].item.isVisible()


def test_that_hovering_reads_values_and_keys_zoom_and_reset(plot: LivePlot, qtbot: QtBot) -> None:
    for event in history():
        plot.on_event(event)
    plot.draw()
    assert plot.metric_chart.read_at(15.8) == "validation 83.3 %"
    chart = plot.loss_chart
    whole = chart.getPlotItem().getViewBox().viewRange()[0]
    qtbot.keyClick(chart, Qt.Key.Key_Plus)
    zoomed = chart.getPlotItem().getViewBox().viewRange()[0]
    assert zoomed[1] - zoomed[0] < whole[1] - whole[0]
    plot.on_event(StepDone(step=201, epoch=20.0, loss=0.3, lr=1e-3, images_per_second=30.0))
    plot.draw()
    assert chart.getPlotItem().getViewBox().viewRange()[0] == pytest.approx(zoomed)
    qtbot.mouseDClick(chart.viewport(), Qt.MouseButton.LeftButton, pos=chart.viewport().rect().center())
    assert chart.getPlotItem().getViewBox().viewRange()[0] == pytest.approx(whole)
    middle = chart.getPlotItem().getViewBox().mapViewToScene(QPointF(10, 1))
    chart._on_mouse_moved(middle)
    assert chart._readout.isVisible()


def test_that_the_plot_is_written_as_picture_drawing_and_table(plot: LivePlot, tmp_path: Path) -> None:
    for event in history():
        plot.on_event(event)
    plot.draw()
    for suffix in ("png", "svg", "csv"):
        write_chart(plot.loss_chart, tmp_path / f"loss.{suffix}")
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "loss.svg").read_text(encoding="utf-8")
    with (tmp_path / "loss.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sum(row["line"] == "train, raw" for row in rows) == 200
    assert sum(row["line"] == "validation" for row in rows) == 20
    with pytest.raises(OSError, match="nowhere"):
        write_chart(plot.loss_chart, tmp_path / "nowhere" / "loss.csv")


def test_that_curves_come_back_from_a_runs_files(tmp_path: Path) -> None:
    lines = [to_json(event) for event in (*history(), Message(text="done"))]
    (tmp_path / "events.jsonl").write_text("\n".join(lines) + '\n{"type": "StepDo', encoding="utf-8")
    curves = read_curves(tmp_path)
    assert len(curves.train) == 200
    assert curves.best("val_accuracy") == (16.0, 0.833)
    assert len(read_curves(tmp_path / "missing").train) == 0


def test_that_a_method_without_steps_is_drawn_by_epochs() -> None:
    curves = RunCurves()
    for epoch in range(1, 6):
        curves.add(EpochDone(epoch=epoch, step=0, metrics={"train_loss": 1.0 / epoch, "val_loss": 1.0}, best=False))
    assert curves.train.y.tolist() == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])


def test_that_several_runs_are_told_apart_by_more_than_colour(qtbot: QtBot) -> None:
    overlay = OverlayPlot()
    qtbot.addWidget(overlay)
    runs = []
    for number in range(4):
        curves = RunCurves()
        for event in history(epochs=10 + number):
            curves.add(event)
        runs.append((f"run {number}", curves))
    overlay.set_runs(runs)
    lines = list(overlay.chart.lines.values())
    assert len({(line.dash, line.symbol) for line in lines}) == 4
    assert len({line.colour for line in lines}) == 4
    overlay.what.set_value("train_loss")
    assert overlay.chart.title == "Training loss"
    overlay.chips[2].click()
    assert not lines[2].item.isVisible()
    overlay.set_runs(runs[:1])
    assert list(overlay.chart.lines) == ["0"]
    assert overlay.what.value == "train_loss"


def test_that_titles_of_metrics_are_words() -> None:
    assert metric_title("val_f1_macro") == "Validation F1 macro"
    assert metric_title("val_roc_auc_macro") == "Validation ROC-AUC macro"
    assert metric_title("train_loss") == "Training loss"


def test_that_the_plot_follows_the_theme(plot: LivePlot) -> None:
    from PySide6.QtWidgets import QApplication

    application = QApplication.instance()
    assert isinstance(application, QApplication)
    light = plot.loss_chart.colours.background.name()
    try:
        theme.apply(application, "dark")
        QTest.qWait(30)
        assert plot.loss_chart.colours.background.name() == theme.DARK.panel != light
    finally:
        theme.apply(application, "light")
