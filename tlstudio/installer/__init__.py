"""Plugins of the user: a folder of packages layered over the application's own environment.

The folder stands last on ``sys.path``, so nothing in it can take the place of what the application brings. An
installation is prepared in a copy, checked in a fresh process, and only then put in place by renaming.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from tlstudio.installer.site import activate, site_dir

if TYPE_CHECKING:
    from tlstudio.api.events import Event
    from tlstudio.control import Control
    from tlstudio.installer.manifest import InstalledPlugin

__all__ = ["activate", "install", "install_job", "installed", "site_dir", "uninstall", "uninstall_job"]


def install_job(control: "Control", target: str) -> Generator["Event", None, dict[str, Any]]:
    """Installs ``target``: a name in the package index, a wheel, a source archive or a folder.

    Returns ``{"plugin", "distribution", "version", "installed": ["name==version"], "contributions": [...]}``.
    Raises ``PluginError`` where it cannot be installed, or does not work; everything is then as it was.
    """
    from tlstudio.installer.transactions import install_steps

    return (yield from install_steps(control, target))


def uninstall_job(control: "Control", name: str) -> Generator["Event", None, dict[str, Any]]:
    """Removes the plugin ``name`` (its own or its distribution's name) and what only it had brought.

    Returns ``{"plugin", "distribution", "version", "removed": ["name==version"]}``. Raises ``PluginError``.
    """
    from tlstudio.installer.transactions import uninstall_steps

    return (yield from uninstall_steps(control, name))


def install(target: str) -> dict[str, Any]:
    """:func:`install_job` without its events."""
    from tlstudio.control import Control

    return _result(install_job(Control(), target))


def uninstall(name: str) -> dict[str, Any]:
    """:func:`uninstall_job` without its events."""
    from tlstudio.control import Control

    return _result(uninstall_job(Control(), name))


def installed() -> list["InstalledPlugin"]:
    """What the user has installed, as the folder's manifest says; empty where there is none."""
    from tlstudio.installer.manifest import Manifest

    return list(Manifest.load(site_dir()).plugins)


def _result(steps: Generator["Event", None, dict[str, Any]]) -> dict[str, Any]:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: dict[str, Any] = end.value
            return result
