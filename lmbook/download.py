"""One file from the network: checked, kept, and never half there.

The file is written beside its place, its SHA-256 compared, and only then
renamed (all this is Pooch's work). What fails is tried three times.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pooch
from requests import exceptions


class DownloadError(OSError):
    """The file could not be had; the message says why and what to do."""


def cache_folder() -> Path:
    """Where files are kept: `LMBOOK_CACHE`, or the system's cache folder."""
    return Path(os.environ.get("LMBOOK_CACHE") or pooch.os_cache("lmbook"))


def download(url: str, sha256: str, name: str) -> Path:
    """The path of the file `name`, fetched if it is not there yet.

    Raises DownloadError if the server, the connection, the checksum or the
    disk fails.
    """
    folder = cache_folder()
    fetcher = pooch.create(
        folder,
        base_url="",
        registry={name: f"sha256:{sha256}"},
        urls={name: url},
        retry_if_failed=2,
    )
    try:
        return Path(fetcher.fetch(name, progressbar=True))
    except (OSError, ValueError) as error:
        raise DownloadError(
            f"cannot download {name}: {reason(error)}.\n"
            f"To do it by hand, save {url}\nas {folder / name}"
        ) from error


def reason(error: Exception) -> str:
    """What went wrong, and the remedy if there is one."""
    if isinstance(error, exceptions.HTTPError):
        return f"the server answered {error.response.status_code}"
    if isinstance(error, (exceptions.ConnectionError, exceptions.Timeout)):
        return "the server is out of reach; are you offline?"
    if isinstance(error, exceptions.RequestException):
        return f"the connection broke ({type(error).__name__}); try again"
    if isinstance(error, ValueError):
        return "what came is damaged or another version (wrong SHA-256)"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full; make room, or set LMBOOK_CACHE elsewhere"
    return f"it cannot be written ({error}); set LMBOOK_CACHE elsewhere"
