"""Whether a process that a project remembers still lives, whatever has happened to the clock meanwhile."""

import functools
import os
import subprocess
import sys
from pathlib import Path

_QUERY_LIMITED = 0x1000  # PROCESS_QUERY_LIMITED_INFORMATION
_STILL_ACTIVE = 259
_PROC = Path("/proc/self/stat").is_file()  # Linux


def identity(pid: int) -> str:
    """What tells process ``pid`` from any other that has, or will have, its number; empty where it is gone or unknown.

    No time of day is part of it on Linux (the boot, and the ticks since then); elsewhere it is the start as the system
    wrote it down once, which setting the clock does not change.
    """
    if pid <= 0:
        return ""
    if sys.platform == "win32":
        return _windows(pid)[1]
    if _PROC:
        fields = _linux(pid)
        return f"{_boot()}-{fields[19]}" if fields and fields[0] not in "ZX" else ""
    return _started_by_ps(pid)


def lives(pid: int, known: str = "") -> bool:
    """True while process ``pid`` of this machine runs and, where ``known`` is given, still has that identity."""
    if pid <= 0:
        return False
    if sys.platform == "win32":
        return _windows(pid)[0] and known in ("", identity(pid))
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it lives, and belongs to someone else; its identity decides
    if _PROC and (fields := _linux(pid)) and fields[0] in "ZX":
        return False  # it has ended and was not collected
    return not known or identity(pid) in ("", known)


def _linux(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on: the 20th is the start in ticks since the boot."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


@functools.cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _started_by_ps(pid: int) -> str:
    try:
        done = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False, timeout=5,
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return " ".join(done.stdout.split())


def _windows(pid: int) -> tuple[bool, str]:
    """Whether it runs, and when it was created in the system's own units."""
    import ctypes

    kernel32 = getattr(ctypes, "windll").kernel32  # noqa: B009 - the attribute exists on Windows alone
    handle = kernel32.OpenProcess(_QUERY_LIMITED, False, pid)
    if not handle:
        return False, ""
    try:
        code, times = ctypes.c_ulong(), [ctypes.c_ulonglong() for _ in range(4)]
        known = kernel32.GetExitCodeProcess(handle, ctypes.byref(code))
        timed = kernel32.GetProcessTimes(handle, *(ctypes.byref(moment) for moment in times))
        return bool(known) and code.value == _STILL_ACTIVE, str(times[0].value) if timed else ""
    finally:
        kernel32.CloseHandle(handle)
