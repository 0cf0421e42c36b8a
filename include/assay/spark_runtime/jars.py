"""The JARs that Spark does not bring: fetched once by Spark's own Ivy, checked by sha256."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import ssl
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import getproxies

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12Certificate,
    serialize_java_truststore,
)
from cryptography.x509 import load_pem_x509_certificates

from assay.errors import StackError
from assay.home.paths import SPARK_HOME, child_environment
from assay.settings import Settings
from assay.spark_runtime.java import ensure_java

LOCK_FILE = Path(__file__).with_name("jars.lock")
Group = Literal["delta", "bench", "s3", "kafka", "broker"]
# What the JARs also ask for ships with Spark, or is annotations only.
SHIPPED_WITH_SPARK = (
    "com.fasterxml.jackson*:*",
    "com.github.luben:*",
    "com.google.code.findbugs:*",
    "commons-*:*",
    "io.airlift:*",
    "io.netty:*",
    "javax.annotation:*",
    "org.checkerframework:*",
    "org.locationtech.jts:*",
    "org.roaringbitmap:*",
    "org.slf4j:*",
    "org.xerial.snappy:*",
)
# hadoop-aws is the only JAR of Apache that Spark does not ship and that jobs need. It asks for the
# whole AWS SDK in one JAR of 600 MB; the lock file has the modules that it uses, 13 MB.
NOT_WANTED: dict[Group, tuple[str, ...]] = {
    "delta": (*SHIPPED_WITH_SPARK, "org.apache.*:*"),
    "bench": (*SHIPPED_WITH_SPARK, "org.apache.*:*"),
    "s3": (
        *SHIPPED_WITH_SPARK,
        *("org.apache.httpcomponents:*", "org.wildfly.openssl:*", "software.amazon.awssdk:bundle"),
    ),
    "kafka": (
        *SHIPPED_WITH_SPARK,
        "at.yawk.lz4:*",
        "org.apache.hadoop:*",
        "org.scala-lang.modules:*",
    ),
    "broker": (),  # but for Scala's library, which Ivy inside Spark leaves out for everybody
}


@dataclass(frozen=True)
class Jar:
    """One line of the lock file."""

    group: Group
    coordinates: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The name that Ivy gives it."""
        organisation, artifact, version = self.coordinates.split(":")
        return f"{organisation}_{artifact}-{version}.jar"


def locked_jars(group: Group) -> list[Jar]:
    """The JARs of a group, in the order of the class path."""
    lines = [line.split() for line in LOCK_FILE.read_text().splitlines() if line[:1] != "#"]
    return [Jar(group, *line[1:]) for line in lines if line[0] == group]


def job_groups(settings: Settings) -> list[Group]:
    """The groups that jobs need: what is for S3 only when lake or files are there."""
    return ["delta", "s3"] if settings.lake_address or settings.files_address else ["delta"]


def job_jars(settings: Settings) -> list[Path]:
    """The class path of jobs beside Spark's own."""
    return [path for group in job_groups(settings) for path in jar_paths(settings, group)]


def kafka_jars(settings: Settings) -> list[Path]:
    """What a stream from Kafka needs beside `job_jars`: Spark's source, and Kafka's client."""
    return jar_paths(settings, "kafka")


def jar_folder(settings: Settings, group: Group) -> Path:
    """Where the JARs of a group lie: the broker's alone, as it has classes that Spark has too."""
    return settings.jars / "broker" if group == "broker" else settings.jars


def jar_paths(settings: Settings, group: Group = "delta") -> list[Path]:
    """Where the JARs are. Raises StackError when they have not been fetched."""
    folder = jar_folder(settings, group).resolve()
    paths = [folder / jar.file_name for jar in locked_jars(group)]
    for path in paths:
        if not path.is_file():
            raise StackError(f"{path} is missing; run make up, which fetches it")
    return paths


def ensure_jars(
    settings: Settings, say: Callable[[str], None], group: Group = "delta"
) -> list[Path]:
    """Fetch what is missing or differs from the lock file, and return the paths.

    Raises StackError when a JAR cannot be fetched, or is not the one of the lock file.
    """
    if _wanted(settings, group):  # an image that has them all may be read-only
        settings.jars.mkdir(parents=True, exist_ok=True)
        with (settings.jars / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            wanted = _wanted(settings, group)
            if wanted:
                say(f"fetching {len(wanted)} JARs ({group})")
                _fetch(settings, group, wanted)
    return jar_paths(settings, group)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _wanted(settings: Settings, group: Group) -> list[Jar]:
    folder = jar_folder(settings, group)
    return [jar for jar in locked_jars(group) if not _is_good(folder, jar)]


def _is_good(folder: Path, jar: Jar) -> bool:
    path = folder / jar.file_name
    return path.is_file() and sha256_of(path) == jar.sha256


def _fetch(settings: Settings, group: Group, wanted: list[Jar]) -> None:
    """Resolve into an empty folder of ours: neither ~/.m2 nor an old Ivy cache is looked at."""
    jar_folder(settings, group).mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.jars, prefix=".fetch-") as name:
        folder = Path(name)
        output = _resolve(settings, folder, wanted)
        for jar in wanted:
            path = folder / "jars" / jar.file_name
            if not path.is_file():
                raise StackError(f"{jar.coordinates} could not be fetched: {_cause(output)}")
            found = sha256_of(path)
            if found != jar.sha256:
                raise StackError(
                    f"{jar.coordinates} has sha256 {found}, but {LOCK_FILE.name} says "
                    f"{jar.sha256}; try again, and distrust the repository if it stays so"
                )
            shutil.move(path, jar_folder(settings, group) / jar.file_name)


def _resolve(settings: Settings, folder: Path, wanted: list[Jar]) -> str:
    job = folder / "nothing.py"
    job.write_text("")
    home = f'"-Duser.home={folder}"'
    command = [
        str(SPARK_HOME / "bin" / "spark-submit"),
        "--packages",
        ",".join(jar.coordinates for jar in wanted),
        "--exclude-packages",
        ",".join(NOT_WANTED[wanted[0].group]),
        "--conf",
        f"spark.jars.ivy={folder}",
        "--driver-java-options",
        " ".join([home, *_network_options(folder)]),
        str(job),
    ]
    java_home = str(ensure_java(settings).home)
    environment = child_environment({"JAVA_HOME": java_home, "SPARK_HOME": str(SPARK_HOME)})
    try:
        done = subprocess.run(  # noqa: S603
            command, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
    except subprocess.TimeoutExpired:
        raise StackError("fetching JARs took over 5 minutes; check the network") from None
    return done.stdout + done.stderr


def _network_options(folder: Path) -> list[str]:
    """Let Java trust the certificates, and use the proxy, that Python would."""
    options = []
    bundle = ssl.get_default_verify_paths().cafile
    if bundle:
        with warnings.catch_warnings():  # about odd, but trusted, roots of the machine
            warnings.simplefilter("ignore")
            certificates = load_pem_x509_certificates(Path(bundle).read_bytes())
        store = folder / "trusted.p12"
        entries = [PKCS12Certificate(each, f"{n}".encode()) for n, each in enumerate(certificates)]
        store.write_bytes(serialize_java_truststore(entries, BestAvailableEncryption(b"changeit")))
        options += [
            f'"-Djavax.net.ssl.trustStore={store}"',
            "-Djavax.net.ssl.trustStoreType=PKCS12",
            "-Djavax.net.ssl.trustStorePassword=changeit",  # certificates only, no secret
        ]
    proxy = urlsplit(getproxies().get("https", ""))
    if proxy.hostname:
        options += [f"-Dhttps.proxyHost={proxy.hostname}", f"-Dhttps.proxyPort={proxy.port or 80}"]
    return options


def _cause(output: str) -> str:
    """The one line of Ivy's long report that says why."""
    if "No space left" in output:
        return "the disk is full; free some space and try again"
    for mark in ("not found. url=", "SSL", "timed out", "Exception", "rror"):
        for line in output.splitlines():
            if mark in line:
                return f"{line.strip()[:200]} (check network and proxy, then try again)"
    return "check network and proxy, then try again"
