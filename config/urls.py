"""Every address of the application."""

from django.conf import settings
from django.urls import include, path

urlpatterns = [
    path("accounts/", include("allauth.account.urls")),
    path("", include("desk.urls")),
]
if settings.HANDRAIL_DEMO:
    urlpatterns.insert(0, path("demo/", include("demo.urls")))

handler400 = "desk.errors.bad_request"
handler403 = "desk.errors.forbidden"
handler404 = "desk.errors.not_found"
handler500 = "desk.errors.server_error"
