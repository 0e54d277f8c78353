from django.urls import path

from voices import views

app_name = "voices"
urlpatterns = [
    path("clips/<int:pk>/audio", views.clip_audio, name="clip-audio"),
]
