"""The HTTP API and its pages, to be included under any prefix: `path("speech/", include("streaming.urls"))`. It decides by
itself who may do what, whatever middleware the project has."""

from streaming.http.api import api, api_patterns
from streaming.http.listening import listening_pattern
from streaming.metrics.scrape import metrics_pattern
from streaming.playground.views import playground_patterns

app_name = api.urls_namespace
# The API has a pattern for the bare prefix, too: one that finds nothing.
urlpatterns = [*playground_patterns(), *api_patterns(), listening_pattern(), metrics_pattern()]
