"""Logins that fail: exec plugins and kubeconfigs, and no secret is told."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from meshgate.cluster import login
from meshgate.masking import masked
from meshgate.model import JSON, JSONObject
from odd_servers import (
    Capture,
    running_cart,
    told,
)
from recorded_api import RecordedApi
from verified_cluster import verify

pytestmark = pytest.mark.sampled(every=3)


@pytest.fixture
def running_objects() -> list[JSONObject]:
    return running_cart()


def plugin(api: RecordedApi, folder: Path, script: str, **settings: JSON) -> None:
    """Let the kubeconfig's account be given by a program."""
    file = folder / "give-account"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    value = json.loads(api.kubeconfig.read_text())
    value["users"][0]["user"] = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(file),
            "interactiveMode": "Never",
            **settings,
        }
    }
    api.kubeconfig.write_text(json.dumps(value))


CREDENTIAL = (
    'echo \'{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", '
    '"status": {"token": "\'"$TOKEN"\'"}}\''
)


def test_an_exec_plugin_gives_the_account(
    repository: Path, api: RecordedApi, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plugin(api, tmp_path, CREDENTIAL, env=[{"name": "TOKEN", "value": "of-the-plugin"}])
    caplog.set_level("DEBUG")

    assert verify(repository, api, "--verbose") == 1, "it was read"
    assert api.tokens == {"Bearer of-the-plugin"}
    assert f"exec plugin is run: {tmp_path}/give-account" in caplog.text
    assert "of-the-plugin" not in caplog.text


KEY = "dGhpc0lzMTYgYSBzZWNyZXQgb2Ygc29tZWJvZHkgZWxzZQ=="
JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln"


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("token=s3cr3t and more", "token=*** and more"),
        ("give --token s3cr3t --region eu", "give --token *** --region eu"),
        ("password: 's3cr3t'", "password: '***'"),
        ('{"clientSecret": "s3cr3t"}', '{"clientSecret": "***"}'),
        ("AWS_SECRET_ACCESS_KEY=s3cr3t", "AWS_SECRET_ACCESS_KEY=***"),
        ("Authorization: Bearer s3cr3t", "Authorization: Bearer ***"),
        (f"got {JWT}", "got ***"),
        (f"got {KEY}", "got ***"),
        *((plain, plain) for plain in (
            "The security token included in the request is invalid",
            "token expired: run `aws sso login`",
            "aws eks get-token --cluster-name prod-of-somebody-with-a-rather-long-name-1",
            "/home/me/.local/share/plugins/with_a_long_name_of_more_than_forty_characters",
        )),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_not_repeated(said: str, left: str) -> None:
    assert masked(said) == left


@pytest.mark.parametrize("script", ["echo token=s3cr3t >&2; exit 1", "echo s3cr3t", "exit 1"])
def test_an_exec_plugin_tells_no_secret(
    repository: Path,
    api: RecordedApi,
    tmp_path: Path,
    capsys: Capture,
    script: str,
) -> None:
    plugin(api, tmp_path, script, args=["--token", "s3cr3t", "--password=s3cr3t"])

    assert verify(repository, api, "--verbose") == 7
    assert "--token *** --password=***" in (text := told(capsys))
    assert "s3cr3t" not in text


FAILING = {
    "echo 'token expired: run `aws sso login`' >&2; exit 255": "aws sso login",
    "echo not json": "something else than JSON",
    "echo null": "no ExecCredential",
    "echo '{\"status\": null}'": "no ExecCredential",
    CREDENTIAL.replace("/v1", "/v1beta1"): "the kubeconfig wants",
    CREDENTIAL: "neither a token nor a certificate",
    # A header of its own would follow.
    CREDENTIAL.replace("echo", "TOKEN='a X-Evil:b'; echo"): "spaces or line breaks",
    "kill -9 $$": "signal 9",
    "exec sleep 60": "did not end within",
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "PLUGIN_TIMEOUT", 1.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("script", FAILING)
def test_an_exec_plugin_that_fails_is_the_error(
    repository: Path, api: RecordedApi, tmp_path: Path, capsys: Capture, script: str
) -> None:
    plugin(api, tmp_path, script)

    assert verify(repository, api) == 7
    text = told(capsys)
    assert "exec plugin" in text
    assert FAILING[script] in text
    assert "RBAC" not in text
    assert "reader.yaml" not in text
    assert api.asked == [], "never as system:anonymous"


def test_an_exec_plugin_that_is_not_installed(
    repository: Path, api: RecordedApi, tmp_path: Path, capsys: Capture
) -> None:
    plugin(api, tmp_path, "", command="no-such-plugin", installHint="brew install it")

    assert verify(repository, api) == 7
    text = told(capsys)
    assert "no-such-plugin" in text
    assert "brew install it" in text


@pytest.mark.parametrize("text", ["", "null", "[]", "users: 3", "contexts: [text]", "a: ["])
def test_a_kubeconfig_that_is_none(
    repository: Path, api: RecordedApi, capsys: Capture, text: str
) -> None:
    api.kubeconfig.write_text(text)

    assert verify(repository, api) == 2
    assert "--context recorded: cannot be used" in told(capsys)
