"""Whether a folder lies on a network drive, where processes share no memory and locks may be weak."""

import os
import re
import subprocess
import sys
from pathlib import Path

_NETWORK = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "afpfs", "ceph", "lustre", "glusterfs", "beegfs", "gpfs",
    "webdav", "davfs", "ncpfs", "coda", "ocfs2", "gfs2",
})  # fmt: skip
_BY_FUSE = (
    "sshfs",
    "gvfsd",
    "rclone",
    "s3fs",
    "davfs",
    "glusterfs",
    "ceph",
    "gcsfuse",
    "goofys",
    "smbnetfs",
    "curlftpfs",
)
_MOUNTS = Path("/proc/self/mountinfo")


def network_kind(folder: Path) -> str:
    """The kind of network drive, such as ``nfs4``; empty for a drive of this machine, and where that is unknown."""
    real = os.path.realpath(folder)
    if sys.platform == "win32":
        return _on_windows(real)
    kind = ""
    try:
        if _MOUNTS.is_file():
            kind = kind_in_mountinfo(_MOUNTS.read_text(encoding="utf-8", errors="surrogateescape"), real)
        else:
            done = subprocess.run(["mount"], capture_output=True, text=True, check=False, timeout=5)
            kind = kind_in_mount(done.stdout, real)
    except (OSError, subprocess.SubprocessError):
        return ""
    return kind if is_network(kind) else ""


def is_network(kind: str) -> bool:
    return kind in _NETWORK or (kind.startswith("fuse") and any(name in kind for name in _BY_FUSE))


def kind_in_mountinfo(text: str, path: str) -> str:
    """The kind of the file system that holds ``path``, by Linux's table of mounts; of equals, the last is on top."""
    found = {}
    for line in text.splitlines():
        fields = line.split(" ")
        if "-" in fields[6:] and len(fields) > fields.index("-", 6) + 1:
            found[_unescaped(fields[4])] = fields[fields.index("-", 6) + 1]
    return _longest(found, path)


def kind_in_mount(text: str, path: str) -> str:
    """Likewise by what the command ``mount`` prints on macOS: ``... on /Volumes/x (smbfs, nodev)``."""
    lines = (re.fullmatch(r".*? on (/.*) \(([^,)]+)[^)]*\)", line) for line in text.splitlines())
    return _longest({match.group(1): match.group(2) for match in lines if match}, path)


def _longest(kinds: dict[str, str], path: str) -> str:
    parts = Path(path)
    for folder in (parts, *parts.parents):
        if str(folder) in kinds:
            return kinds[str(folder)]
    return ""


def _unescaped(name: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), name)


def _on_windows(real: str) -> str:
    import ctypes

    if real.startswith("\\\\") and not real.startswith("\\\\?\\"):
        return "smb"
    kernel32 = getattr(ctypes, "windll").kernel32  # noqa: B009 - the attribute exists on Windows alone
    return "smb" if kernel32.GetDriveTypeW(os.path.splitdrive(real)[0] + "\\") == 4 else ""  # DRIVE_REMOTE
