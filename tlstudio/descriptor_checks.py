"""Whether what a plugin lists can be used at all; looked at when it is loaded, so that nothing trips over it later."""

import dataclasses
import enum
import re
import types
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from tlstudio.api.descriptors import DatasetProfile, Descriptor, Supports
from tlstudio.api.method import MethodDescriptor, Need
from tlstudio.api.options import Options, parse_options

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
DescriptorT = TypeVar("DescriptorT", bound=Descriptor)


def problem(descriptor: Descriptor) -> str:
    """The first thing that is wrong, without the full stop; empty where nothing is."""
    identifier = descriptor.id
    if not isinstance(identifier, str) or not _ID.fullmatch(identifier):
        return f"its id is {identifier!r}, and letters, digits, '-', '_' and '.' are what an id is made of"
    module, _, attribute = str(descriptor.factory).partition(":")
    if not (module and attribute):
        return f"the factory of '{identifier}' is {descriptor.factory!r}, and must be package.module:attribute"
    if reason := _of_options(descriptor.options):
        return f"the options of '{identifier}' {reason}"
    if isinstance(descriptor, MethodDescriptor):
        for name, needs in (("needs", descriptor.needs), ("takes", descriptor.takes)):
            unknown = [need for need in needs if need not in get_args(Need)]
            if not isinstance(needs, tuple) or unknown:
                return f"'{name}' of '{identifier}' is {needs!r}, and must be a tuple of {', '.join(get_args(Need))}"
    return ""


def guarded(descriptor: DescriptorT) -> DescriptorT:
    """The same, whose ``supports`` answers with a sentence where the plugin's own raises."""
    return dataclasses.replace(descriptor, supports=_Guarded(descriptor.supports))


@dataclasses.dataclass(frozen=True)
class _Guarded:
    own: Supports

    def __call__(self, task: str, modality: str, profile: DatasetProfile | None) -> str | None:
        try:
            answer = self.own(task, modality, profile)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the others must go on
            return f"Its plugin cannot say whether it fits ({type(error).__name__}: {error})."
        return None if answer is None else str(answer)


def _of_options(options: Any) -> str:
    if not (isinstance(options, type) and issubclass(options, Options)):
        return "are no class made from api.Options"
    for name, field in options.model_fields.items():
        if not _plain(field.annotation):
            return f"have '{name}' of the type {field.annotation}; numbers, texts, bool and Literal are what can be set"
    try:
        parse_options(options, {})
    except Exception as error:  # noqa: BLE001 - likewise: validators of the plugin's own
        return f"have a default that they refuse themselves: {str(error).rstrip('.')}"
    return ""


def _plain(annotation: Any) -> bool:
    """Whether the form and the command line can ask for it."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return all(part is type(None) or _plain(part) for part in get_args(annotation))
    if origin is Literal:
        return True
    return isinstance(annotation, type) and issubclass(annotation, bool | int | float | str | enum.Enum)
