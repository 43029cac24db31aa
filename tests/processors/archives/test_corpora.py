"""Archives that nobody here has written, good and bad: only documented outcomes, and what is known of them holds."""

from __future__ import annotations

import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zarrpack.errors import SourceError

CORPUS = Path(os.environ.get("ZARRPACK_CORPUS", "/work/shared/corpus"))
