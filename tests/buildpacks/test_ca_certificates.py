"""minato/ca-certificates."""

from __future__ import annotations

import tomllib

import pytest

PEM = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"


@pytest.fixture
def bound(source):
    """A source with a binding that holds one certificate."""
    folder = source.root / "platform/bindings/company"
    folder.mkdir(parents=True)
    (folder / "type").write_text("ca-certificates\n")
    (folder / "root.pem").write_text(PEM)
    return source


def test_without_a_binding_it_is_not_detected(source):
    assert source.run("ca-certificates", "detect").returncode == 100


def test_a_binding_of_another_kind_is_not_its_own(bound):
    (bound.root / "platform/bindings/company/type").write_text("postgresql")
    assert bound.run("ca-certificates", "detect").returncode == 100


def test_the_bundle_is_for_the_build_alone(bound):
    assert bound.run("ca-certificates", "detect").returncode == 0
    done = bound.run("ca-certificates", "build")
    assert "-----> Trusting 1 certificate(s) of 1 file(s)" in done.stdout
    assert tomllib.loads((bound.layers / "bundle.toml").read_text())["types"] == {"build": True, "launch": False}
    bundle = bound.layers / "bundle/ca-certificates.crt"
    assert bundle.read_text().endswith(PEM)
    assert (bound.layers / "bundle/env.build/SSL_CERT_FILE.override").read_text() == str(bundle)


def test_it_stays_in_the_image_when_asked_for(bound):
    bound.run("ca-certificates", "build", BP_EMBED_CERTS="true")
    assert tomllib.loads((bound.layers / "bundle.toml").read_text())["types"] == {"build": True, "launch": True}
    assert (bound.layers / "bundle/env/SSL_CERT_FILE.override").exists()


def test_bindings_may_lie_elsewhere(bound, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (bound.root / "platform/bindings").rename(elsewhere)
    assert bound.run("ca-certificates", "detect", SERVICE_BINDING_ROOT=str(elsewhere)).returncode == 0


def test_a_file_that_is_no_certificate_ends_the_build(bound):
    (bound.root / "platform/bindings/company/notes.txt").write_text("hello")
    done = bound.run("ca-certificates", "build")
    assert done.returncode == 1
    assert "company/notes.txt holds no certificate" in done.stdout
