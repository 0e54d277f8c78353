from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from streaming.http.views import nothing_here
from xtts_site.config import get_config

# Who opens the bare address in a browser is looking for the playground, or else for the admin.
home = [] if get_config().playground.enabled else [path("", RedirectView.as_view(url="/admin/"))]
handler400 = "xtts_site.bad_request.bad_request"
urlpatterns = [
    *home,
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("streaming.urls")),
    # Programs read no HTML.
    re_path("^v[12]/", nothing_here),
]
