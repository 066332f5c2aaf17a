"""Addresses of the demo: the chooser and its one button."""

from django.urls import URLPattern, path

from demo import views

app_name = "demo"
urlpatterns: list[URLPattern] = [
    path("", views.chooser, name="chooser"),
    path("sign-in/", views.sign_in, name="sign-in"),
]
