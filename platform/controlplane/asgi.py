"""One ASGI application: the doors first, by path; Django for everything else."""

from __future__ import annotations

import os
from typing import cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from doors import Application, mount  # noqa: E402

application = mount(cast(Application, django_application))
