"""Whether a process that a project remembers still lives."""

import os
import sys
import time
from pathlib import Path

_GRACE = 10.0  # seconds between writing down a process and what the clock of the system says of its start


def lives(pid: int, since: float | None = None) -> bool:
    """True while process ``pid`` of this machine runs.

    ``since``: when it was written down, in seconds since the epoch. Numbers are used again, so a process that
    was started later than that is another one (known on Linux alone).
    """
    if pid <= 0:
        return False
    if sys.platform == "win32":
        return _lives_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it lives, and belongs to someone else; its age decides below
    started = _started(pid)
    if started is None:
        return True
    return started >= 0 and (since is None or started <= since + _GRACE)


def _started(pid: int) -> float | None:
    """Seconds since the epoch; negative for a process that has ended but was not collected; None where
    unknown.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        uptime = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
        if fields[0] in "ZX":
            return -1.0
        return time.time() - uptime + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


def _lives_on_windows(pid: int) -> bool:
    import ctypes

    kernel32 = getattr(ctypes, "windll").kernel32  # noqa: B009 - the attribute exists on Windows alone
    handle = kernel32.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not handle:
        return False
    code = ctypes.c_ulong()
    known = kernel32.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel32.CloseHandle(handle)
    return bool(known) and code.value == 259  # STILL_ACTIVE
