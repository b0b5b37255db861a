"""Finds plugins, loads each guarded, looks contributions up by id, and lists what went wrong."""

import dataclasses
import importlib
import importlib.metadata
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import pluggy

from tlstudio import descriptor_checks, settings
from tlstudio.api import hookspecs
from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.dataset_format import FormatDescriptor
from tlstudio.api.descriptors import Descriptor
from tlstudio.api.engine import EngineDescriptor
from tlstudio.api.errors import UsageError
from tlstudio.api.exporter import ExporterDescriptor
from tlstudio.api.method import MethodDescriptor
from tlstudio.api.metric import MetricDescriptor
from tlstudio.api.modality import ModalityDescriptor
from tlstudio.api.task import TaskDescriptor

GROUP = "tlstudio"
BUILTINS = "tlstudio-builtins"
KINDS: dict[str, type[Descriptor]] = {
    "backbones": BackboneDescriptor,
    "methods": MethodDescriptor,
    "metrics": MetricDescriptor,
    "formats": FormatDescriptor,
    "exporters": ExporterDescriptor,
    "engines": EngineDescriptor,
    "tasks": TaskDescriptor,
    "modalities": ModalityDescriptor,
}


def singular(kind: str) -> str:
    """``backbone`` for ``backbones``."""
    return "modality" if kind == "modalities" else kind.removesuffix("s")


DescriptorT = TypeVar("DescriptorT", bound=Descriptor)


@dataclasses.dataclass(frozen=True)
class Problem:
    """A plugin, or one of its contributions, that could not be used, and why. Not ``serious``: it can be used."""

    plugin: str
    sentence: str
    traceback: str = ""
    serious: bool = True


@dataclasses.dataclass(frozen=True)
class Plugin:
    """A plugin that was found. ``state`` is loaded, failed or disabled."""

    name: str
    version: str
    module: str
    state: str
    contributions: tuple[str, ...] = ()  # such as "methods: fine-tuning"
    distribution: str = ""


class Registry:
    """Everything that the plugins contribute. Build one with :meth:`discover`."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(hookspecs)
        self._known: dict[str, dict[str, tuple[Descriptor, str]]] = {kind: {} for kind in KINDS}
        self.plugins: list[Plugin] = []
        self.problems: list[Problem] = []

    @classmethod
    def discover(
        cls,
        *,
        safe_mode: bool | None = None,
        disabled: Iterable[str] | None = None,
        only: Iterable[str] | None = None,
    ) -> "Registry":
        """Loads the plugins of the entry-point group ``tlstudio``, the built-ins first.

        ``safe_mode`` loads the built-ins alone (default: the environment variable ``TLSTUDIO_SAFE_MODE``);
        ``disabled`` names plugins that are found but not loaded (default: those that the user has switched off);
        ``only`` restricts to the named plugins, as a training worker does.
        """
        if safe_mode is None:
            safe_mode = os.environ.get("TLSTUDIO_SAFE_MODE", "") not in ("", "0")
        registry = cls()
        switched_off = set(settings.load().disabled_plugins if disabled is None else disabled)
        wanted = None if only is None else {*only, BUILTINS}
        found = {entry.name: entry for entry in reversed(list(importlib.metadata.entry_points(group=GROUP)))}
        for entry in sorted(found.values(), key=lambda e: (e.name != BUILTINS, e.name)):
            if (safe_mode and entry.name != BUILTINS) or (wanted is not None and entry.name not in wanted):
                continue
            distribution, version = (entry.dist.name, entry.dist.version) if entry.dist else ("", "")
            if entry.name in switched_off and entry.name != BUILTINS:
                registry.plugins.append(Plugin(entry.name, version, entry.value, "disabled", distribution=distribution))
                continue
            registry._load(entry.name, entry.load, version, entry.value, distribution)
        return registry

    def register(self, name: str, module: Any, version: str = "") -> None:
        """Adds a plugin that is already imported (tests, notebooks)."""
        self._load(name, lambda: module, version, getattr(module, "__name__", name), "")

    def all(self, kind: str) -> list[Descriptor]:
        return [descriptor for descriptor, _ in self._known[kind].values()]

    def backbones(self) -> list[BackboneDescriptor]:
        return cast("list[BackboneDescriptor]", self.all("backbones"))

    def methods(self) -> list[MethodDescriptor]:
        return cast("list[MethodDescriptor]", self.all("methods"))

    def metrics(self) -> list[MetricDescriptor]:
        return cast("list[MetricDescriptor]", self.all("metrics"))

    def formats(self) -> list[FormatDescriptor]:
        return cast("list[FormatDescriptor]", self.all("formats"))

    def exporters(self) -> list[ExporterDescriptor]:
        return cast("list[ExporterDescriptor]", self.all("exporters"))

    def tasks(self) -> list[TaskDescriptor]:
        return cast("list[TaskDescriptor]", self.all("tasks"))

    def modalities(self) -> list[ModalityDescriptor]:
        return cast("list[ModalityDescriptor]", self.all("modalities"))

    def backbone(self, identifier: str) -> BackboneDescriptor:
        return cast(BackboneDescriptor, self.get("backbones", identifier))

    def method(self, identifier: str) -> MethodDescriptor:
        return cast(MethodDescriptor, self.get("methods", identifier))

    def exporter(self, identifier: str) -> ExporterDescriptor:
        return cast(ExporterDescriptor, self.get("exporters", identifier))

    def engine(self, identifier: str) -> EngineDescriptor:
        return cast(EngineDescriptor, self.get("engines", identifier))

    def format(self, identifier: str) -> FormatDescriptor:
        return cast(FormatDescriptor, self.get("formats", identifier))

    def task(self, identifier: str) -> TaskDescriptor:
        return cast(TaskDescriptor, self.get("tasks", identifier))

    def modality(self, identifier: str) -> ModalityDescriptor:
        return cast(ModalityDescriptor, self.get("modalities", identifier))

    def get(self, kind: str, identifier: str) -> Descriptor:
        """Looks up by id; a hyphen and an underscore count as the same. Raises :class:`UsageError`."""
        known = self._known[kind]
        if identifier in known:
            return known[identifier][0]
        folded = {key.replace("_", "-").lower(): value for key, value in known.items()}
        hit = folded.get(identifier.replace("_", "-").lower())
        if hit is not None:
            return hit[0]
        names = ", ".join(sorted(known)) or "none, since no plugin offers one"
        raise UsageError(f"There is no {singular(kind)} '{identifier}'. There are: {names}.")

    def owner(self, kind: str, identifier: str) -> Plugin:
        """The plugin that contributed ``identifier``."""
        name = self._known[kind][self.get(kind, identifier).id][1]
        return next(plugin for plugin in self.plugins if plugin.name == name)

    def _load(self, name: str, load: Callable[[], Any], version: str, module_name: str, distribution: str) -> None:
        added: list[str] = []
        light = "torch" not in sys.modules
        try:
            module = load()
            self._manager.register(module, name=name)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the others must go on
            self._fail(name, f"The plugin '{name}' could not be loaded: {_reason(error)}.")
            self.plugins.append(Plugin(name, version, module_name, "failed", distribution=distribution))
            return
        if light and "torch" in sys.modules:
            self.problems.append(
                Problem(
                    name,
                    f"The plugin '{name}' imports torch as soon as it is listed, which makes every start slower. "
                    "It works; its author should import torch in the modules that factories name alone.",
                    serious=False,
                )
            )
        failures = len(self.problems)
        for kind, expected in KINDS.items():
            for implementation in getattr(self._manager.hook, f"tlstudio_{kind}").get_hookimpls():
                if implementation.plugin is not module:
                    continue
                try:
                    descriptors = list(implementation.function())
                except Exception as error:  # noqa: BLE001 - likewise
                    self._fail(name, f"The plugin '{name}' failed while listing its {kind}: {_reason(error)}.")
                    continue
                added += [f"{kind}: {d.id}" for d in descriptors if self._add(name, kind, expected, d)]
        state = "failed" if len(self.problems) > failures and not added else "loaded"
        self.plugins.append(Plugin(name, version, module_name, state, tuple(added), distribution))

    def _add(self, plugin: str, kind: str, expected: type[Descriptor], descriptor: Any) -> bool:
        if not isinstance(descriptor, expected):
            self._fail(
                plugin,
                f"The plugin '{plugin}' lists {descriptor!r} among its {kind}; a {expected.__name__} is needed.",
            )
            return False
        if reason := descriptor_checks.problem(descriptor):
            self._fail(plugin, f"The plugin '{plugin}' lists a {singular(kind)} that cannot be used: {reason}.")
            return False
        if descriptor.id in self._known[kind]:
            other = self._known[kind][descriptor.id][1]
            self._fail(
                plugin,
                f"The plugins '{other}' and '{plugin}' both offer a {singular(kind)} named "
                f"'{descriptor.id}'; the one of '{other}' is used.",
            )
            return False
        own = descriptor if plugin == BUILTINS else descriptor_checks.guarded(descriptor)
        self._known[kind][descriptor.id] = (own, plugin)
        return True

    def _fail(self, plugin: str, sentence: str) -> None:
        trace = traceback.format_exc()
        self.problems.append(Problem(plugin, sentence, "" if trace.startswith("NoneType: None") else trace))


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(". ")
