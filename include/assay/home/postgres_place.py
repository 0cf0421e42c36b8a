"""Where the embedded Postgres lies, and as which OS user it runs. Standard library only.

Root runs it as another user, who may not enter root's own folders (Debian makes /root 0700). What
that user could not reach lies outside the home then, in a folder named by the home.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import subprocess
from pathlib import Path

from assay.errors import StackError
from assay.settings import Settings
from assay.storage.files import existing_part

ROOT_SUBSTITUTE = "pgserver"
OUTSIDE = Path("/var/lib")


def data_folder(settings: Settings) -> Path:
    """The folder of the cluster, made or not. One outside the home is told by a link in it."""
    usual = _usual_folder(settings)
    return usual.readlink() if usual.is_symlink() else usual


def outside_folder(settings: Settings) -> Path:
    """The folder outside the home, if one is needed; it holds nothing of other homes."""
    name = hashlib.sha256(os.fsencode(settings.home)).hexdigest()[:12]
    return OUTSIDE / f"assay-{name}"


def used_outside(settings: Settings) -> Path | None:
    """The folder outside the home, if there is one: a full reset removes it too."""
    folder = outside_folder(settings)
    return folder if folder.is_dir() else None


def choose_data_folder(settings: Settings, user: str | None) -> Path:
    """Where the cluster is, or where a start would make it; one that is there stays.

    Raises StackError when the server's user could not reach it, or when a home of this name was
    removed and its cluster was not.
    """
    folder = data_folder(settings)
    if user is None:
        return folder
    is_there = _usual_folder(settings).is_symlink() or (folder / "PG_VERSION").exists()
    if not is_there and not reaches(existing_part(folder), user):
        folder = outside_folder(settings) / "data"
        if folder.exists():
            raise StackError(
                f"{folder.parent} has Postgres' data of an earlier {settings.home}; if that is "
                f"gone for good, complete the reset with rm -r {folder.parent}, else bring it back"
            )
    check_reach(existing_part(folder.parent), user)
    return folder


def make_place(settings: Settings, user: str | None) -> Path:
    """The folder of the cluster, which need not be there; the folder above it is, and the link."""
    folder, usual = choose_data_folder(settings, user), _usual_folder(settings)
    usual.parent.mkdir(parents=True, exist_ok=True)
    if folder != usual:
        make_outside(settings)
        if not usual.is_symlink():
            usual.symlink_to(folder)
    if user:
        check_reach(folder.parent, user)
    return folder


def make_outside(settings: Settings) -> Path:
    """The folder outside the home, open to the server's user whatever our umask is."""
    folder = outside_folder(settings)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    return folder


def server_user() -> str | None:
    """The OS user that Postgres has to run as: ourselves (None), or another one for root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(ROOT_SUBSTITUTE).pw_name
    except KeyError:
        pass
    command = ["useradd", "--system", "--shell", "/usr/sbin/nologin", ROOT_SUBSTITUTE]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        raise StackError(
            f"Postgres refuses to run as root, and the OS user {ROOT_SUBSTITUTE} could not be "
            f"made ({error}); make it, or run make as another user"
        ) from error
    return ROOT_SUBSTITUTE


def reaches(path: Path, user: str) -> bool:
    """Whether the user can enter a folder, or run a program, and enter every folder above."""
    command = ["/usr/bin/test", "-x", str(path)]
    done = subprocess.run(command, user=user, extra_groups=[], cwd="/", check=False)  # noqa: S603
    return done.returncode == 0


def check_reach(folder: Path, user: str) -> None:
    """Raises StackError, naming the first folder that the server's user cannot enter."""
    for part in [*reversed(folder.parents), folder]:
        if not reaches(part, user):
            raise StackError(
                f"Postgres runs as the OS user {user}, which cannot enter {part}; "
                f"run chmod o+x {part}, or run make as another user than root"
            )


def _usual_folder(settings: Settings) -> Path:
    return settings.home / "postgres" / "data"
