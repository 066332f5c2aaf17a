"""Pages for what went wrong: each says what happened and what to do next."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def _page(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    return render(request, "error.html", {"title": title, "text": text}, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 400, "That request could not be read", "Go back, check what you entered and try again.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 403, "You cannot do that", str(exception) or "Your role does not include this.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 404, "There is no such page", "Check the address, or search for the pupil by name.")


def server_error(request: HttpRequest) -> HttpResponse:
    return _page(
        request, 500, "Something went wrong here", "Nothing was changed. Try again; if it happens twice, tell your administrator."
    )
