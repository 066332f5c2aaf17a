"""What every staff page needs: the schools in scope, the date, the demo's banner."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from schools.clock import today


def desk(request: HttpRequest) -> dict[str, Any]:
    return {"today": today(), "fixed_today": settings.HANDRAIL_TODAY, "is_demo": settings.HANDRAIL_DEMO}
