"""Make the virtual environment from the hashed lock file, then become a program of it.

Run by make with whatever Python the machine has: `python3 -I include/assay/bootstrap.py
[--dev] [--exec PROGRAM] -- ARGUMENTS`. Standard library only, and parsed by Python 3.6 too, so
that an old Python gets a sentence instead of a SyntaxError.
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

OLDEST, FIRST_UNSUPPORTED = (3, 11), (3, 14)
REPOSITORY = Path(__file__).resolve().parents[2]
VENV = REPOSITORY / ".venv"
STAMP = VENV / ".assay-stamp"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
RUNTIME_LOCK = REPOSITORY / "requirements.txt"
DEV_LOCK = REPOSITORY / "requirements-dev.txt"
NEEDED_DISK = 4 << 30
RUNNING = "%d.%d" % sys.version_info[:2]  # noqa: UP031


class BootstrapError(Exception):
    """The environment cannot be made; the text names the remedy."""


def check_machine(program: "list[str]") -> None:
    """Refuse a machine that cannot run the stack, before minutes are spent on its packages."""
    free = shutil.disk_usage(REPOSITORY).free
    if free < NEEDED_DISK:
        raise BootstrapError(
            f"{free / 2**30:.1f} GB free for {VENV}; free {NEEDED_DISK >> 30} GB and try again"
        )
    if program[:2] not in (["assay", "demo"], ["assay", "up"]):
        return
    # Only what needs nothing but the standard library.
    sys.path.insert(0, str(REPOSITORY / "include"))
    from assay.errors import AssayError
    from assay.settings import load_settings
    from assay_stack.preflight import require_machine

    try:
        require_machine(load_settings())
    except AssayError as error:
        raise BootstrapError(str(error)) from error


def check_python() -> None:
    """Refuse a Python that the lock file is not made for, and name one that is there."""
    if OLDEST <= sys.version_info[:2] < FIRST_UNSUPPORTED:
        return
    for minor in range(FIRST_UNSUPPORTED[1] - 1, OLDEST[1] - 1, -1):
        other = shutil.which("python3.%d" % minor)  # noqa: UP031
        if other:
            raise BootstrapError(
                f"Python {RUNNING} is not supported; run make PYTHON={other} TARGET instead"
            )
    raise BootstrapError(
        f"Python {RUNNING} is not supported; install Python 3.11, 3.12 or 3.13 and run "
        "make PYTHON=/path/to/it TARGET"
    )


def expected_key() -> str:
    """Identity of what the environment is made from; a change of any of it remakes it."""
    digest = hashlib.sha256(f"{RUNNING} {REPOSITORY}".encode())
    for path in (RUNTIME_LOCK, DEV_LOCK, REPOSITORY / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def read_stamp() -> "dict[str, str]":
    """What the environment was made from; empty when it is missing or half made."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def is_ready(key: str, flavour: str) -> bool:
    """True when the environment has all that is asked; the dev flavour has everything."""
    stamp = read_stamp()
    made = stamp.get("key") == key and stamp.get("flavour") in (flavour, "dev")
    return made and PYTHON.exists()


def say(text: str) -> None:
    sys.stderr.write(f"assay: {text}\n")
    sys.stderr.flush()


def run_step(what: str, command: "list[str]") -> None:
    """Run one step of the installation; its own long output becomes one line with a remedy."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
    }
    if "PIP_INDEX_URL" in environment:
        environment.setdefault("UV_DEFAULT_INDEX", environment["PIP_INDEX_URL"])
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    result = subprocess.run(  # noqa: S603
        command,
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
    )
    if result.returncode:
        raise BootstrapError(f"{what} failed: {explain(result.stdout.decode(errors='replace'))}")


def explain(output: str) -> str:
    """Shorten the output of venv, pip or uv to its cause and the remedy."""
    lowered = output.lower()
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    causes = [line for line in lines if "error" in line.lower() or "caused by" in line.lower()]
    cause = (causes or lines or ["no output"])[-1][:300]
    if "no space left" in lowered or "disk quota" in lowered:
        return f"the disk is full; free {NEEDED_DISK >> 30} GB for {VENV} and try again"
    if "ensurepip" in lowered:
        return "this Python lacks venv; install it (Debian: apt install python3-venv), try again"
    if "hash" in lowered and "mismatch" in lowered:
        return f"{cause} (a download differs from the lock file; try again)"
    network = ("connect", "dns", "timed out", "network", "retries", "certificate", "no matching")
    if any(word in lowered for word in network):
        return f"{cause} (no way to the package index; check network and proxy, try again)"
    return cause


def uv_requirement() -> str:
    """uv's own block of the lock file: the one package that pip has to install."""
    lines = RUNTIME_LOCK.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("uv=="))
    end = start + 1
    while end < len(lines) and lines[end].startswith("    --hash"):
        end += 1
    return "\n".join(lines[start:end]) + "\n"


def make_venv() -> None:
    """Make an empty environment that has uv."""
    if VENV.is_dir():
        say("removing a half-made or outdated .venv")
        shutil.rmtree(VENV)
    say("making .venv with Python " + sys.version.split()[0])
    run_step("python -m venv", [sys.executable, "-m", "venv", str(VENV)])
    requirement = VENV / "uv-requirement.txt"
    requirement.write_text(uv_requirement())
    pip = [str(PYTHON), "-m", "pip", "install", "--no-deps", "--quiet"]
    run_step("installing uv", [*pip, "--require-hashes", "-r", str(requirement)])
    requirement.unlink()


def install(flavour: str) -> None:
    """Bring the environment to exactly what the lock file says, with byte code."""
    lock = DEV_LOCK if flavour == "dev" else RUNTIME_LOCK
    packages = sum(1 for line in lock.read_text().splitlines() if line[:1].isalnum())
    say(f"installing {packages} packages from {lock.name} (first time: about 700 MB)")
    uv = [str(UV), "pip"]
    options = ["--require-hashes", "--compile-bytecode", "--python", str(PYTHON)]
    run_step("installing packages", [*uv, "sync", *options, str(lock)])
    options = ["--no-build-isolation", "--no-deps", "--python", str(PYTHON)]
    run_step("installing assay", [*uv, "install", *options, "-e", str(REPOSITORY)])


def ensure_environment(flavour: str, program: "list[str]") -> None:
    """Make or renew `.venv`; instant when its stamp says that it is as wanted."""
    key = expected_key()
    if is_ready(key, flavour):
        return
    if not VENV.is_dir():
        check_machine(program)
    with RUNTIME_LOCK.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_ready(key, flavour):
            return
        started = time.monotonic()
        stamp = read_stamp()
        if stamp.get("flavour") == "dev":
            flavour = "dev"
        if stamp.get("python") == RUNNING and PYTHON.exists() and UV.exists():
            STAMP.unlink()
        else:
            make_venv()
        install(flavour)
        write_stamp({"key": key, "flavour": flavour, "python": RUNNING})
        say(f"environment ready after {time.monotonic() - started:.0f} s")


def write_stamp(stamp: "dict[str, str]") -> None:
    new = STAMP.with_suffix(".new")
    new.write_text(json.dumps(stamp))
    new.replace(STAMP)


def main(arguments: "list[str]") -> None:
    """Make the environment, then become the asked program of it."""
    split = arguments.index("--") if "--" in arguments else len(arguments)
    own, rest = arguments[:split], arguments[split + 1 :]
    program = own[own.index("--exec") + 1] if "--exec" in own else "assay"
    try:
        check_python()
        ensure_environment("dev" if "--dev" in own else "runtime", [program, *rest])
    except BootstrapError as error:
        sys.exit(f"assay: {error}")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        sys.exit(f"assay: the disk is full; free {NEEDED_DISK >> 30} GB for {VENV} and try again")
    except KeyboardInterrupt:
        sys.exit("assay: interrupted; the next try starts .venv afresh")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # The whole path as its own name, too: by that Python finds its virtual environment.
    executable = str(VENV / "bin" / program)
    os.execv(executable, [executable, *rest])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
