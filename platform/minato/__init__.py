"""What Minato does, in plain Python: no Django, no Celery, no database."""
