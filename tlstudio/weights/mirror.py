"""A mirror that the user has set: it stands in for the scheme and host of every published address."""

import os
from urllib.parse import urlsplit

from tlstudio.api.errors import UsageError


def base() -> str:
    """The mirror's base address from ``TLSTUDIO_MIRROR`` or the settings; empty where none is set."""
    from tlstudio import settings

    return (os.environ.get("TLSTUDIO_MIRROR") or settings.load().mirror).strip()


def apply(url: str) -> str:
    """``https://host/models/x.pth`` with the mirror ``http://my.org/torch`` is
    ``http://my.org/torch/models/x.pth``.

    Raises ``UsageError`` where the mirror is no http(s) address.
    """
    mirror = base()
    if not mirror:
        return url
    if urlsplit(mirror).scheme not in ("http", "https") or not urlsplit(mirror).netloc:
        raise UsageError(f"The mirror '{mirror}' is no address; it begins with http:// or https://.")
    parts = urlsplit(url)
    return mirror.rstrip("/") + parts.path + (f"?{parts.query}" if parts.query else "")
