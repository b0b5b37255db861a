"""What would happen if Train were pressed now: in words, as a command line, and why it cannot."""

import dataclasses

from tlstudio import estimating
from tlstudio.gui.options_form import OptionsForm
from tlstudio.gui.pages.train_backbones import BackboneChoice
from tlstudio.gui.pages.train_footer import command
from tlstudio.gui.pages.train_inputs import InputsForm
from tlstudio.gui.pages.train_runtime import RuntimeForm
from tlstudio.gui.pages.train_sweep import SweepForm
from tlstudio.gui.plots.curves import metric_name
from tlstudio.gui.session import Session
from tlstudio.runs import select_by

_CHOOSE = "Choose data, a backbone and a method"


@dataclasses.dataclass(frozen=True)
class Outlook:
    """``chosen``: data and backbone are; ``wrong``: ``sentence`` says why nothing can be trained."""

    headline: str = _CHOOSE
    sentence: str = ""
    command_line: str = ""
    runs: int = 0
    ready: bool = False
    chosen: bool = False
    wrong: bool = False


def look_ahead(
    session: Session,
    choice: BackboneChoice | None,
    method: str,
    form: OptionsForm,
    settings: list[str],
    inputs: InputsForm,
    sweep: SweepForm,
    runtime: RuntimeForm,
) -> Outlook:
    """``settings``: the options, as the command line is told of them."""
    dataset, seeds = session.dataset(), runtime.seeds()
    chosen = dataset is not None and choice is not None
    if dataset is None or choice is None or not method:
        return Outlook(chosen=chosen)
    registry = session.registry
    device = str(runtime.device.currentData())
    guess = estimating.estimate(
        dataset, registry.backbone(choice.backbone), registry.method(method), form.values(), session.runs, device,
        noun=registry.modality(dataset.modality).noun[1],
    )  # fmt: skip
    words = [*inputs.flags(), *settings, *runtime.flags()]
    line = command(session.project, dataset.name, choice, method, words, seeds, sweep.flags())
    runs = len(seeds) * len(sweep.choices({}))
    wrong = _wrong(form, inputs, sweep, seeds)
    if wrong:
        return Outlook(guess.headline, wrong, line, runs, chosen=True, wrong=True)
    parts = [
        guess.sentence(runs),
        f"best model by validation {metric_name(select_by(registry.task(dataset.task), dataset))}",
        "test is looked at once, at the end",
    ]
    if not choice.ready:
        parts.insert(1, f"{choice.place.replace('download', 'downloads')} of weights first")
    return Outlook(guess.headline, " · ".join(parts), line, runs, ready=bool(runs), chosen=True)


def _wrong(form: OptionsForm, inputs: InputsForm, sweep: SweepForm, seeds: list[int]) -> str:
    """The first reason why nothing can be trained; empty where it can."""
    if not form.is_valid:
        return "An option cannot be used as it is; the sentence beside it says why."
    if inputs.problem:
        return inputs.problem
    if sweep.problem:
        return f"The sweep cannot be made as it is. {sweep.problem}"
    return "" if seeds else "The seeds cannot be read: write whole numbers such as 0, 1, 2 or 0-4."
