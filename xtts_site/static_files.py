"""Static files: the admin's, those of the API's page, and the icon that browsers ask for."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc] # it has no types
    """WhiteNoise without streaming: under ASGI, Django reads the whole file before it sends any of it, and logs a warning.
    Nothing is lost by reading it here: the largest file that a page loads has 1.5 MB."""

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        found = static_file.get_response(request.method, request.META)
        if found.file is None:
            content = b""
        else:
            with found.file as file:
                content = file.read()
        response = HttpResponse(content, status=int(found.status))
        # WhiteNoise names the type itself.
        del response["Content-Type"]
        for name, value in found.headers:
            response[name] = value
        return response
