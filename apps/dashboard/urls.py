"""The pages' routes."""

from __future__ import annotations

from django.urls import path

from apps.dashboard.views import apps, changes, config, people, session

urlpatterns = [
    path("", apps.AppList.as_view(), name="apps"),
    path("login", session.Login.as_view(), name="login"),
    path("logout", session.Logout.as_view(), name="logout"),
    path("welcome/<str:secret>", session.Welcome.as_view(), name="welcome"),
    path("apps/new", apps.AppNew.as_view(), name="app-new"),
    path("apps/<str:app>", apps.AppOverview.as_view(), name="app"),
    path("apps/<str:app>/activity", apps.AppActivity.as_view(), name="app-activity"),
    path("apps/<str:app>/logs", apps.AppLogs.as_view(), name="app-logs"),
    path("apps/<str:app>/deploys/<int:number>", apps.DeployPage.as_view(), name="deploy"),
    path("apps/<str:app>/deploys/<int:number>/cancel", changes.Cancel.as_view(), name="deploy-cancel"),
    path("apps/<str:app>/config", config.AppConfig.as_view(), name="app-config"),
    path("apps/<str:app>/settings", config.AppSettings.as_view(), name="app-settings"),
    path("apps/<str:app>/delete", config.AppDelete.as_view(), name="app-delete"),
    path("apps/<str:app>/scale", changes.Scale.as_view(), name="app-scale"),
    path("apps/<str:app>/rollback/<int:number>", changes.Rollback.as_view(), name="app-rollback"),
    path("apps/<str:app>/do/<str:act>", changes.Act.as_view(), name="app-act"),
    path("teams", people.Teams.as_view(), name="teams"),
    path("teams/<str:team>", people.TeamPage.as_view(), name="team"),
    path("tokens", people.Tokens.as_view(), name="tokens"),
    path("audit", people.AuditPage.as_view(), name="audit"),
]
