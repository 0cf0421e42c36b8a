"""Reads variables of the environment; each reader raises SettingsError that names its variable."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path

from assay.errors import SettingsError

PLACE = r"://[^/\s;@]+:[0-9]+"
MASTERS = r"warm|local\[(\*|[1-9][0-9]*)\]|spark" + PLACE
SERVER = rf"(?P<master>sc{PLACE})/?(?P<parameters>(;[^\s;=]+=[^\s;=]+)*);?"
Address = tuple[str, int]


def read_folder(environ: Mapping[str, str], name: str) -> Path | None:
    """A path, made absolute; None when the variable is empty."""
    text = environ.get(name)
    return Path.cwd() / Path(text).expanduser() if text else None


def read_memory(environ: Mapping[str, str], name: str, default: str) -> str:
    """A size such as 2g, as Spark takes it."""
    size = environ.get(name) or default
    if size and not (size[:-1].isdigit() and size[-1] in "mg"):
        raise SettingsError(f"{name}={size!r} is not a size such as 2g or 1500m")
    return size


def read_yes(environ: Mapping[str, str], name: str) -> bool:
    """yes or no, which is the default."""
    text = environ.get(name) or "no"
    if text not in ("yes", "no"):
        raise SettingsError(f"{name}={text!r} is neither yes nor no")
    return text == "yes"


def read_log(environ: Mapping[str, str]) -> str:
    """What log lines are: text, which is the default, or json."""
    form = environ.get("ASSAY_LOG") or "text"
    if form not in ("text", "json"):
        raise SettingsError(f"ASSAY_LOG={form!r} is neither text nor json")
    return form


def read_spark_master(environ: Mapping[str, str], default: str) -> tuple[str, str]:
    """Where Spark is, and the parameters of a server, such as token=…;use_ssl=true."""
    text = environ.get("ASSAY_SPARK_MASTER") or default
    server = re.fullmatch(SERVER, text)
    if server:
        return server["master"], server["parameters"].removeprefix(";")
    if not re.fullmatch(MASTERS, text):
        # What follows may be a token.
        shown = text.partition(";")[0]
        raise SettingsError(
            f"ASSAY_SPARK_MASTER={shown!r} is none of warm, sc://host:15002, local[*], local[2]"
            " and spark://host:7077; only sc:// takes parameters, each as ;name=value"
        )
    return text, ""


def read_stream_master(environ: Mapping[str, str], default: str) -> str:
    """Where the application of a stream runs: a master, of which it is one application of many."""
    text = environ.get("ASSAY_STREAM_MASTER") or default
    if text == "warm" or not re.fullmatch(MASTERS, text):
        shown = text.partition(";")[0]
        raise SettingsError(
            f"ASSAY_STREAM_MASTER={shown!r} is none of local[*], local[2] and spark://host:7077; a"
            " stream is an application of its own"
        )
    return text


def read_listen(environ: Mapping[str, str], default: str) -> str:
    """The IP address to listen on."""
    text = environ.get("ASSAY_LISTEN") or default
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise SettingsError(f"ASSAY_LISTEN={text!r} is not an IP address such as 0.0.0.0") from None


def read_socket(environ: Mapping[str, str], name: str) -> Address | None:
    """A host and a port; None when the variable is empty."""
    text = environ.get(name)
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise SettingsError(f"{name}={text!r} is not an address such as postgres:5432")
    return host, int(port)


def read_page(environ: Mapping[str, str], name: str) -> str | None:
    """The address that others than the stack see; None when the variable is empty."""
    text = environ.get(name)
    if text and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise SettingsError(f"{name}={text!r} is no address such as http://host:8080")
    return text or None


def read_kafka(environ: Mapping[str, str]) -> tuple[bool, tuple[Address, ...]]:
    """Whether the stack has a broker of its own, else where the brokers of others are, if any."""
    text = environ.get("ASSAY_KAFKA") or "no"
    if text in ("yes", "no"):
        return text == "yes", ()
    given = [re.fullmatch(r"([^\s:,/]+):([0-9]{1,5})", each) for each in text.split(",")]
    servers = tuple((found[1], int(found[2])) for found in given if found)
    if len(servers) < len(given) or not all(0 < port < 65536 for _, port in servers):
        raise SettingsError(
            f"ASSAY_KAFKA={text!r} is none of no, yes (a broker of our own) and host:9092 with more"
            " after commas; user and password go into a file, see docs/kafka.md"
        )
    return False, servers


def read_count(environ: Mapping[str, str], name: str, default: int) -> int:
    """A whole number above 0, such as 1000000."""
    text = environ.get(name) or str(default)
    if not re.fullmatch("[1-9][0-9]{0,17}", text):
        raise SettingsError(f"{name}={text!r} is no whole number above 0, such as {default}")
    return int(text)


def read_gateway_to(environ: Mapping[str, str]) -> str:
    """Where the gateway hands records over: landing, which is the default, or kafka."""
    text = environ.get("ASSAY_GATEWAY_TO") or "landing"
    if text not in ("landing", "kafka"):
        raise SettingsError(f"ASSAY_GATEWAY_TO={text!r} is neither landing nor kafka")
    return text
