"""The HTTP API, to be included under any prefix: `path("speech/", include("streaming.urls"))`. It decides by itself who may
do what, whatever middleware the project has."""

from streaming.http.api import api, api_patterns

app_name = api.urls_namespace
urlpatterns = api_patterns()
