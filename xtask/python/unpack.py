"""Unpack the parts of a wheel that a prefix names, with their execute bits."""

import os
import sys
import zipfile

# Another user may run what is unpacked.
os.umask(0o022)
wheel, folder, *prefixes = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for entry in archive.infolist():
        if entry.is_dir() or not entry.filename.startswith(tuple(prefixes)):
            continue
        path = archive.extract(entry, folder)
        mode = entry.external_attr >> 16
        if mode:
            os.chmod(path, mode & 0o777)
