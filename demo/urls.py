"""Addresses of the demo: the chooser."""

from django.urls import URLPattern

app_name = "demo"
urlpatterns: list[URLPattern] = []
