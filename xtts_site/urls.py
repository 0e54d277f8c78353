from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from streaming.http.views import nothing_here

urlpatterns = [
    # Who opens the bare address in a browser is looking for the admin.
    path("", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("", include("streaming.urls")),
    # Programs read no HTML.
    re_path("^v[12]/", nothing_here),
]
