"""Addresses of the staff's pages."""

from __future__ import annotations

from django.urls import URLPattern, path

from desk.views import home

app_name = "desk"

_first: list[URLPattern] = [
    path("", home.home, name="home"),
    path("keys/", home.keys, name="keys"),
]

urlpatterns: list[URLPattern] = [*_first]
