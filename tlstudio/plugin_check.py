"""The job ``check-plugin``: does a plugin keep its promises? Everything it offers is loaded, its methods train."""

from collections.abc import Generator
from typing import Any

from tlstudio.api.descriptors import DatasetProfile
from tlstudio.api.errors import OptionsError, StudioError, UsageError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.api.method import MethodDescriptor
from tlstudio.api.options import parse_options
from tlstudio.control import Control
from tlstudio.registry import Registry

_DRAWN = DatasetProfile(
    items=48, train_items=33, val_items=8, test_items=7, classes=3, smallest_class=11, largest_class=11
)


def check_job(control: Control, name: str) -> Generator[Event, None, dict[str, Any]]:
    """Returns ``{"plugin", "checked": [...], "problems": [sentences]}``. Raises ``UsageError``: no such plugin."""
    registry = Registry.discover()
    found = next((plugin for plugin in registry.plugins if name in (plugin.name, plugin.distribution)), None)
    if found is None:
        known = ", ".join(plugin.name for plugin in registry.plugins)
        raise UsageError(f"There is no plugin '{name}'. There are: {known}.")
    problems = [problem.sentence for problem in registry.problems if problem.plugin == found.name]
    for done, contribution in enumerate(found.contributions):
        control.raise_if_stopped()
        yield Progress(done=done, total=len(found.contributions), unit="contributions", text=f"Checking {contribution}")
        kind, _, identifier = contribution.partition(": ")
        descriptor = registry.get(kind, identifier)
        try:
            descriptor.load()
        except StudioError as error:
            problems.append(str(error))
            continue
        if isinstance(descriptor, MethodDescriptor):
            reason = descriptor.supports("classification", "image", _DRAWN)
            if reason:
                yield Message(text=f"'{identifier}' was not trained: the check has drawn pictures alone. {reason}")
            else:
                problems += [f"'{identifier}': {problem}" for problem in _trained(descriptor)]
    return {"plugin": found.name, "checked": list(found.contributions), "problems": problems}


def _trained(method: MethodDescriptor) -> list[str]:
    from tlstudio.testing import NotConforming, check_method

    try:
        parse_options(method.options, {"epochs": 2})
        options = {"epochs": 2}
    except OptionsError:
        options = {}
    try:
        check_method(method, options=options, interruptions=2)
    except NotConforming as error:
        return [problem.partition("\n")[0] for problem in error.problems]
    return []
