"""The application's addresses with the demo's in front, as they are where HANDRAIL_DEMO is on."""

from django.urls import include, path

from config import urls

urlpatterns = [path("demo/", include("demo.urls")), *urls.urlpatterns]
handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500
