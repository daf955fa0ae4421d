"""The first app in the harbour."""

import os

from flask import Flask

app = Flask(__name__)


@app.get("/")
def hello() -> str:
    return f"Hello from {os.environ.get('MINATO_APP', 'the harbour')} {os.environ.get('MINATO_RELEASE', '')}\n"
