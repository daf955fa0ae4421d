"""Apps as what runs: the app itself, its config, its processes, its deploys."""

from apps.deploys.api import apps, config, deploys, processes

urlpatterns = [*apps.urlpatterns, *config.urlpatterns, *processes.urlpatterns, *deploys.urlpatterns]
