"""Options of a plugin: one pydantic model makes the form, the command line's ``--set``, validation and the help."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tlstudio.api.errors import OptionsError

Level = Literal["simple", "all"]


class Options(BaseModel):
    """Base of every options model: immutable, unknown names refused, defaults checked as well."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class NoOptions(Options):
    """For what has nothing to set."""


def option(
    default: Any,
    *,
    title: str,
    help: str,
    level: Level = "simple",
    unit: str = "",
    only_if: Mapping[str, tuple[Any, ...]] | None = None,
    **bounds: Any,
) -> Any:
    """Declares one field of an :class:`Options` model.

    ``title`` is the label in the form, ``help`` one or two sentences beside it, ``level`` whether the short form
    shows it, ``unit`` what stands behind the number, ``only_if`` the values of other fields for which this one has
    a meaning (otherwise the form greys it out), and ``bounds`` pydantic's ``ge, gt, le, lt, multiple_of``.
    """
    extra: dict[str, Any] = {"level": level, "unit": unit, "only_if": {k: list(v) for k, v in (only_if or {}).items()}}
    return Field(default, title=title, description=help, json_schema_extra=extra, **bounds)


def matters(model: type[Options], name: str, values: Mapping[str, Any]) -> bool:
    """Whether the option ``name`` has a meaning where the others are ``values``: what its ``only_if`` says."""
    field = model.model_fields.get(name)
    extra = field.json_schema_extra if field is not None and isinstance(field.json_schema_extra, dict) else {}
    wanted: Any = extra.get("only_if") or {}
    return all(values.get(other) in allowed for other, allowed in wanted.items())


OptionsT = TypeVar("OptionsT", bound=Options)


def parse_options(model: type[OptionsT], values: Mapping[str, Any]) -> OptionsT:
    """Checks ``values`` (numbers, or their spelling as text) and returns the model.

    Raises :class:`OptionsError` with one sentence for each field that was refused.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        problems = {".".join(map(str, e["loc"])) or "options": _sentence(model, e) for e in error.errors()}
        raise OptionsError(" ".join(problems.values()), problems) from None


def parse_settings(model: type[OptionsT], settings: Iterable[str]) -> OptionsT:
    """Reads the command line's ``key=value`` pairs. Raises :class:`OptionsError` as a sentence."""
    values: dict[str, str] = {}
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator or not key.strip():
            raise OptionsError(f"'{setting}' is not of the form key=value.")
        values[key.strip().replace("-", "_")] = value.strip()
    return parse_options(model, values)


def _sentence(model: type[Options], error: Any) -> str:
    name = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        known = ", ".join(model.model_fields) or "none"
        return f"There is no option '{name}'; the options are: {known}."
    field = model.model_fields.get(str(error["loc"][0])) if error["loc"] else None
    title = f"'{name}'" + (f" ({field.title})" if field and field.title else "")
    message = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    message = message[:1].lower() + message[1:]
    return f"{title}: {message}; it was given {error['input']!r}." if name else f"{message[:1].upper()}{message[1:]}."
