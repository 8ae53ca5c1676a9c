"""Files that are written whole or not at all.

Leaves out: locks, and writing a file larger than memory.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path


def write_whole(path: str | Path, content: bytes) -> None:
    """Write a file completely or not at all, and only then take its place.

    OSError if the disk fails; what stood there before is still there.
    """
    path = Path(path)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        sync_folder(path.parent)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            reason += "; make room and call again"
        kept = "as it was before" if path.exists() else "not there yet"
        message = f"cannot write {path}, which is {kept}: {reason}"
        raise OSError(error.errno, message) from error
    finally:
        remove_quietly(part)


def sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where the system knows how."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_quietly(path: Path) -> None:
    """Remove a file, if it is there and the disk still can."""
    try:
        path.unlink()
    except OSError:
        return
