"""The Django project: settings, urls, asgi, celery and the schedule."""
