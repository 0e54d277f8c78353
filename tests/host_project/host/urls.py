from django.contrib import admin
from django.urls import include, path
from host import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz", views.health),
    path("v1/voices", views.choirs),
    path("v1/upload", views.upload),
    path("speech/", include("streaming.urls")),
]
