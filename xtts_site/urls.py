from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/voices/", include("voices.urls")),
    path("admin/", admin.site.urls),
]
