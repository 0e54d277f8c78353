"""Users that have an e-mail address and no name; and the files of the project's storage."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models


class People(BaseUserManager["Person"]):
    def create_superuser(self, email: str, password: str | None = None, **_: Any) -> "Person":
        person = self.model(email=email, is_staff=True, is_superuser=True)
        person.set_password(password)
        person.save()
        return person


class Person(AbstractBaseUser, PermissionsMixin):
    email = models.EmailField(unique=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)

    objects: ClassVar[People] = People()
    USERNAME_FIELD = "email"

    def __str__(self) -> str:
        return self.email


class StoredFile(models.Model):
    name = models.CharField(max_length=200, unique=True)
    content = models.BinaryField()

    def __str__(self) -> str:
        return self.name
