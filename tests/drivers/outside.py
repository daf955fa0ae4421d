"""A host of the outside that this machine's own package tools use: no name of one is written here."""

from __future__ import annotations

import configparser
import os
import re
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

CONFIGS = ("/etc/pip.conf", "~/.config/pip/pip.conf", "~/.pip/pip.conf")
WHEELS = Path("/usr/share/python-wheels")


def package_index() -> str:
    """Return the host name of the Python package index: pip's setting, else the default inside Debian's pip."""
    for name in ("PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX"):
        if os.environ.get(name):
            return host(os.environ[name])
    for file in CONFIGS:
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(Path(file).expanduser())
        if parser.has_option("global", "index-url"):
            return host(parser["global"]["index-url"])
    wheel = next(WHEELS.glob("pip-*.whl"))
    text = zipfile.ZipFile(wheel).read("pip/_internal/models/index.py").decode()
    return host(re.findall(r'"(https://[^"]+)"', text)[0])


def host(url: str) -> str:
    return urlsplit(url).hostname or ""
