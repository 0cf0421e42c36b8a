"""Airflow's API: where it answers, and a client of it that is logged in."""

from __future__ import annotations

import httpx

from assay.errors import StackError
from assay.home.credentials import load_credentials
from assay.home.ports import address
from assay.settings import Settings

USER = "admin"


def airflow_url(settings: Settings) -> str:
    """The address of the API, for programs."""
    host, port = address(settings, "airflow")
    return f"http://{host}:{port}"


def airflow_page(settings: Settings) -> str:
    """The address of the web UI, for people; the API's own when there is no other."""
    return settings.airflow_page or airflow_url(settings)


def api_client(settings: Settings) -> httpx.Client:
    """A client of Airflow's API that is logged in as the admin user.

    Raises StackError when Airflow does not answer or refuses the login.
    """
    url = airflow_url(settings)
    login = {"username": USER, "password": load_credentials(settings)[USER]}
    try:
        answer = httpx.post(f"{url}/auth/token", json=login, timeout=30)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise StackError(
                f"the Airflow at {url} refuses the login of {settings.home}: it belongs to another"
                " stack, or its password file was changed; run make down, then make up"
            )
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise StackError(f"Airflow at {url} gave no token ({error}); see make status") from error
    token = answer.json()["access_token"]
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
