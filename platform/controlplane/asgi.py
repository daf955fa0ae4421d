"""One ASGI application: the doors first, by path; Django for everything else."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from doors import mount  # noqa: E402

application = mount(django_application)
