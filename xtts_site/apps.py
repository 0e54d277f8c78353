from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.core.checks import Tags, register

from xtts_site import deploy_checks, private_files
from xtts_site.config import get_config


class SiteConfig(AppConfig):
    name = "xtts_site"

    def ready(self) -> None:
        """Every way to start leads through here, when the log is there already."""
        private_files.repair(get_config())
        register(deploy_checks.check_settings, Tags.security, deploy=True)


class SiteAdminConfig(AdminConfig):
    """Django's admin, with this project's way to sign in."""

    default_site = "xtts_site.sign_in.AdminSite"
