from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from streaming.http.api import api

urlpatterns = [
    # Who opens the bare address in a browser is looking for the admin.
    path("", RedirectView.as_view(url="/admin/")),
    path("admin/voices/", include("voices.urls")),
    path("admin/", admin.site.urls),
    path("", api.urls),
]
