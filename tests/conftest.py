"""What every test has: its own home, real data where it is present, and no warning that goes unseen."""

import faulthandler
import logging
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Where Python is told to write no bytecode, each of the many processes here would compile the application anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# How long examples take to make says something about the machine, not about what is tested.
settings.register_profile("tlstudio", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("tlstudio")

_LEAVING_S = 180.0

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """What hangs after the last test says where, and is left; what the tests said still counts."""

    def leave() -> None:
        if sys.__stderr__ is not None:
            sys.__stderr__.write(f"The tests are over, their process does not end; it is left with {exitstatus}.\n")
            faulthandler.dump_traceback(sys.__stderr__)
        os._exit(int(exitstatus))

    watch = threading.Timer(_LEAVING_S, leave)
    watch.daemon = True
    watch.start()


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh ``TLSTUDIO_HOME``: settings, imported weights, plugins.

    Alone what this machine was measured to compute fastest in is known from the tests before: a measurement costs as
    much as many of the trainings here.
    """
    path = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("TLSTUDIO_HOME", str(path))
    monkeypatch.delenv("TLSTUDIO_SAFE_MODE", raising=False)
    kept, measured = tmp_path_factory.getbasetemp() / "runtime.json", path / "cache" / "runtime.json"
    if kept.is_file():
        measured.parent.mkdir()
        shutil.copy(kept, measured)
    yield path
    if measured.is_file():
        shutil.copy(measured, kept)


class _Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in ("tlstudio", "tlstudio_builtins", "tlstudio_example"):
            self.seen.append(f"{record.name}: {record.getMessage()}")


@pytest.fixture(autouse=True)
def no_logged_warning(request: pytest.FixtureRequest) -> Iterator[None]:
    """A logged warning fails the test, unless the test asks for ``caplog`` and looks at it itself."""
    handler = _Warnings()
    logging.getLogger().addHandler(handler)
    yield
    logging.getLogger().removeHandler(handler)
    if handler.seen and "caplog" not in request.fixturenames:
        pytest.fail("logged: " + "; ".join(handler.seen))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data sets and weights beside the checkout; tests that need them skip where they are absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the shared test data are not at {SHARED_DATA}")
    return SHARED_DATA
