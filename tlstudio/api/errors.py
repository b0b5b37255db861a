"""Errors that a person reads: one family, each a sentence that says what happened and what to do."""


class StudioError(Exception):
    """What happened, to which file or setting, and the way out. Shown without a traceback.

    ``exit_status`` is what the command line returns for it: 1 the work failed, 2 wrong usage, 3 stopped by the user.
    """

    exit_status = 1


class UsageError(StudioError):
    """The request itself cannot be carried out: an unknown id, a bad value, a missing argument."""

    exit_status = 2


class OptionsError(UsageError):
    """Values of a plugin's options were refused. ``problems`` maps a field's name to its sentence."""

    def __init__(self, message: str, problems: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.problems = dict(problems or {})


class ProjectError(StudioError):
    """A project folder cannot be created, opened or written."""


class DataError(StudioError):
    """A data set, a file of one, or a split cannot be used."""


class WeightsError(StudioError):
    """Pretrained weights are missing, damaged, or belong to another network."""


class PluginError(StudioError):
    """A plugin cannot be found, loaded, installed or used."""


class TrainingError(StudioError):
    """A run could not go on."""


class ExportError(StudioError):
    """A model could not be exported, or the exported file does not do what the model does."""


class StoppedByUser(StudioError):
    """The user asked the work to stop."""

    exit_status = 3
