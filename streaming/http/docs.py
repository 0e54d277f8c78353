"""The page /docs: django-ninja's, with what it lacks for this API."""

from ninja.openapi.docs import Swagger


class SpeechDocs(Swagger):
    """Sound that was answered to a POST can be heard and saved: of its own accord the page would ask for it again, with GET.
    In a project without ninja's static files the page is ninja's own."""

    template = "streaming/docs.html"
