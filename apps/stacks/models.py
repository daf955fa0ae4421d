"""The images that builds stand on."""

from __future__ import annotations

from django.db import models

from minato.values.build import Stack as StackValue


class Stack(models.Model):
    """A builder and its run image, as last resolved to digests."""

    name = models.CharField(max_length=60, unique=True)  # minato/trixie
    builder = models.CharField(max_length=200)  # registry/builder@sha256:…
    run = models.CharField(max_length=200)
    run_name = models.CharField(max_length=200)  # the moving tag that run.toml names
    updated = models.DateTimeField(auto_now=True)

    def value(self) -> StackValue:
        return StackValue(name=self.name, builder=self.builder, run=self.run, run_name=self.run_name)
