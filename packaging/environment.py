"""Makes or updates ``.venv`` with the project in it: ``python packaging/environment.py gui [dev]``.

Runs with any Python from 3.11 on and nothing else. When nothing has changed since the last time it ends at once. The
versions are those of ``constraints.txt``, whatever installers on this machine are set up to prefer.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
UV = PYTHON.with_name("uv.exe" if os.name == "nt" else "uv")
STAMP = VENV / "tlstudio-environment.json"
UV_VERSION = "0.13.8"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def fingerprint() -> str:
    """Of everything that decides what gets installed, and of where."""
    digest = hashlib.sha256(f"{VENV} {UV_VERSION}".encode())
    for path in (ROOT / "pyproject.toml", HERE / "constraints.txt", HERE / "build-constraints.txt"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def stamp() -> dict[str, object]:
    """What the last run left; empty where there is no usable environment."""
    try:
        found = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if found.get("fingerprint") == fingerprint() and PYTHON.exists() else {}


def make_venv() -> None:
    probe = "import sys, pip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))"
    if PYTHON.exists() and subprocess.run([PYTHON, "-c", probe], capture_output=True).returncode == 0:
        return
    try:
        import ensurepip  # noqa: F401 - Debian ships Python without it
    except ImportError:
        command = "apt-get install --yes python3-venv"
        if not _install_as_root(["python3-venv"]):
            sys.exit(f"Python cannot make environments here. Run this once, then try again:\n    sudo {command}")
    say(f"Making {VENV} with Python {sys.version.split()[0]} ...")
    # A fresh process: this one may have started before ensurepip was installed.
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)


def install(extras: list[str]) -> None:
    if not UV.exists():
        quiet = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*quiet, f"uv=={UV_VERSION}"]).returncode:
            say("uv cannot be had here; going on with pip, which takes longer.")
    constraints = ["--constraint", str(HERE / "constraints.txt")]
    if UV.exists():
        # Compiled once here, not by every process where Python is told to write no bytecode.
        command = [UV, "pip", "install", "--quiet", "--compile-bytecode", "--python", PYTHON]
        constraints += ["--build-constraint", str(HERE / "build-constraints.txt")]
    else:
        command = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    say("Installing; the first time this fetches about 3 GB where torch comes with GPU support ...")
    done = subprocess.run([*command, *constraints, "--editable", f".[{','.join(extras)}]"], cwd=ROOT)
    if done.returncode:
        sys.exit("The installation failed; the reason stands above. Correct it, then run make again.")


def qt_is_complete() -> bool:
    """Installs Qt's system libraries on Debian and Ubuntu as root; elsewhere prints the one command."""
    if _qt_answers():
        return True
    packages = (HERE / "debian-packages.txt").read_text(encoding="utf-8").split()
    if _install_as_root(packages) and _qt_answers():
        return True
    missing = subprocess.run([PYTHON, HERE / "check_qt.py"], capture_output=True, text=True).stdout.strip()
    say(f"The window needs system libraries that are not here:\n{missing}")
    if shutil.which("apt-get"):
        say(f"Run this once:\n    sudo apt-get install --yes --no-install-recommends {' '.join(packages)}")
    else:
        say("Install your system's package of the Qt 6 xcb platform plugin, which brings them.")
    return False


def _qt_answers() -> bool:
    return subprocess.run([PYTHON, HERE / "check_qt.py"], capture_output=True).returncode == 0


def _install_as_root(packages: list[str]) -> bool:
    if not shutil.which("apt-get") or os.name == "nt" or os.geteuid() != 0:
        return False
    say(f"Installing system packages: {' '.join(packages)} ...")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "--quiet"], env=environment, capture_output=True)
    command = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages]
    return subprocess.run(command, env=environment, stdout=subprocess.DEVNULL).returncode == 0


def main(extras: list[str]) -> None:
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        sys.exit(f"Python 3.11, 3.12 or 3.13 is needed; this is {sys.version.split()[0]}.")
    before = stamp()
    wanted = sorted({*extras, *before.get("extras", [])})
    if before and wanted == before["extras"] and before["qt"]:
        return
    if not before or wanted != before["extras"]:
        make_venv()
        STAMP.unlink(missing_ok=True)
        install(wanted)
    qt = "gui" not in wanted or qt_is_complete()
    STAMP.write_text(json.dumps({"fingerprint": fingerprint(), "extras": wanted, "qt": qt}), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
