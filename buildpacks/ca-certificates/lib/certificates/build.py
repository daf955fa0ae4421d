"""One bundle of the system's certificates and the bindings', for the build alone unless BP_EMBED_CERTS=true."""

from __future__ import annotations

import os
from pathlib import Path

import cnb

from certificates.detect import KIND

SYSTEM = Path("/etc/ssl/certs/ca-certificates.crt")
BEGIN = "-----BEGIN CERTIFICATE-----"
NAMES = (
    "SSL_CERT_FILE",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "CARGO_HTTP_CAINFO",
)


def main() -> None:
    files = [
        file
        for folder in cnb.bindings(KIND)
        for file in sorted(folder.iterdir())
        if file.is_file() and file.name != "type"
    ]
    texts = {file: file.read_text() for file in files}
    for file, text in texts.items():
        if BEGIN not in text:
            cnb.fail(f"The binding's file {file.parent.name}/{file.name} holds no certificate in PEM form.")
    cnb.head(f"Trusting {sum(text.count(BEGIN) for text in texts.values())} certificate(s) of {len(files)} file(s)")
    embed = os.environ.get("BP_EMBED_CERTS", "").lower() == "true"
    layer = cnb.layers_dir() / "bundle"
    layer.mkdir(parents=True, exist_ok=True)
    bundle = layer / "ca-certificates.crt"
    system = [SYSTEM.read_text()] if SYSTEM.is_file() else []
    bundle.write_text("\n".join(text.strip() for text in [*system, *texts.values()]) + "\n")
    cnb.write_env(layer, "env" if embed else "env.build", {f"{name}.override": str(bundle) for name in NAMES})
    (cnb.layers_dir() / "bundle.toml").write_text(cnb.toml({"types": {"build": True, "launch": embed}}))
