from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig

from xtts_site import private_files
from xtts_site.config import get_config


class SiteConfig(AppConfig):
    name = "xtts_site"

    def ready(self) -> None:
        """Every way to start leads through here, when the log is there already."""
        private_files.repair(get_config())


class SiteAdminConfig(AdminConfig):
    """Django's admin, with this project's way to sign in."""

    default_site = "xtts_site.sign_in.AdminSite"
