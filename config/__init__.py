"""Settings, addresses and schedule: this room knows every other, and nobody imports it."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
