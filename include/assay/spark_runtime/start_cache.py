"""The JVM's start-up cache: classes that Spark and Delta load, kept ready between jobs.

JDK 25 and newer: an AOT cache. JDK 17 to 24: an AppCDS archive. Built by one training job; it
only saves time, so nothing that goes wrong with it stops anything.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from assay.home.paths import SPARK_HOME, child_environment
from assay.settings import JOB_PROGRAMS
from assay.spark_runtime.java import Java

FIRST_WITH_AOT = 25
TROUBLE = re.compile(r"^(Exception in|[\w.]*(Error|Exception)\b)|No space left")
TRAINING_JOB = JOB_PROGRAMS / "train_start_cache.py"


@dataclass(frozen=True)
class StartCache:
    """The cache for one Java, one Spark and one list of JARs."""

    folder: Path
    java: Java
    jars: list[Path]

    @property
    def path(self) -> Path:
        """Its name holds the key: another Java, Spark, JAR or training job means another file."""
        known = hashlib.sha256(f"{self.java.version} {self.java.home.resolve()}".encode())
        known.update(TRAINING_JOB.read_bytes())
        for jar in [*sorted((SPARK_HOME / "jars").glob("*.jar")), *self.jars]:
            facts = jar.stat()
            known.update(f"{jar} {facts.st_size} {facts.st_mtime_ns}\n".encode())
        suffix = "aot" if self.java.major >= FIRST_WITH_AOT else "jsa"
        return self.folder / f"start-{known.hexdigest()[:16]}.{suffix}"

    @property
    def use_option(self) -> str:
        """The JVM option that uses the cache; empty when there is none."""
        path = self.path
        if not path.is_file():
            return ""
        if path.suffix == ".aot":
            return f'"-XX:AOTCache={path}" -Xlog:aot=off -Xlog:cds=off'
        return f'"-XX:SharedArchiveFile={path}" -Xlog:cds=off'

    @property
    def record_option(self) -> str:
        """The JVM option under which the training job writes the cache when it ends."""
        path = self._unfinished
        if path.suffix == ".aot":
            return f'"-XX:AOTCacheOutput={path}" -Xlog:aot=off -Xlog:cds=off'
        return f'"-XX:ArchiveClassesAtExit={path}" -Xlog:cds=off'

    @property
    def _unfinished(self) -> Path:
        return self.path.with_name(f"unfinished-{self.path.name}")

    def ensure(
        self, conf: Mapping[str, str], environment: Mapping[str, str], say: Callable[[str], None]
    ) -> None:
        """Build the cache by a training job, unless it is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            path = self.path
            if path.is_file():
                return
            for old in self.folder.glob("*start-*.*"):
                old.unlink()
            say("building the start-up cache of the JVM (once, about a minute)")
            started = time.monotonic()
            trouble = self._train(conf, environment)
            if self._unfinished.is_file() and not trouble:
                self._unfinished.replace(path)
                size = path.stat().st_size >> 20
                say(f"start-up cache ready after {time.monotonic() - started:.0f} s, {size} MB")
            else:
                say(f"no start-up cache ({trouble or 'Java wrote none'}); jobs start slower")

    def _train(self, conf: Mapping[str, str], environment: Mapping[str, str]) -> str:
        """Run the training job. Returns what went wrong, in one line, or nothing."""
        command = [str(SPARK_HOME / "bin" / "spark-submit"), "--master", "local[2]"]
        for name, value in conf.items():
            command += ["--conf", f"{name}={value}"]
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".train-") as scratch:
            try:
                done = subprocess.run(  # noqa: S603
                    [*command, str(TRAINING_JOB), scratch],
                    env=child_environment(environment),
                    capture_output=True,
                    text=True,
                    timeout=300,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                return f"its job did not end in {error.timeout:.0f} s"
            except OSError as error:
                return str(error)[:200]
        if done.returncode == 0:
            return ""
        # What the job itself says comes on the standard output of its JVM.
        lines = (done.stderr + done.stdout).splitlines()
        lines = [line for line in lines if TROUBLE.search(line)]
        return (lines or ["no message"])[-1].strip()[:200]
