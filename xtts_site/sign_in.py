"""The admin of this project, which lets nobody try out passwords.

Who asks too often is refused before the password is looked at: hashes of passwords are slow on purpose, and would otherwise
be work that any stranger can order. Attempts are counted by the address that they come from, so a stranger cannot lock out
an administrator who comes from another one. In IPv6 that is a network of 48 bits, which one customer may be given as a
whole. They are counted in this process, as all limits are: a stranger writes nothing into the database.
"""

import logging
import math
import threading
import time
import unicodedata
from collections.abc import Callable
from functools import partial
from http import HTTPStatus

from django.contrib.admin import AdminSite as DjangosAdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache

from streaming.access.rates import Rates
from streaming.connection.addresses import SITE, network_of

logger = logging.getLogger("xtts_site.sign_in")

# For one name from one address: five passwords, then one a minute.
SECONDS_PER_PASSWORD = 60.0
PASSWORDS_AT_ONCE = 5
# For all names from one address: twenty, then two a minute.
SECONDS_PER_ATTEMPT = 30.0
ATTEMPTS_AT_ONCE = 20
# Above the form's own limit: what is longer is nobody's name.
MOST_NAME_CHARS = 200
View = Callable[[HttpRequest], HttpResponse]


class PasswordAttempts:
    """How often passwords may be tried. Any thread may ask."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rates = Rates()
        self._lock = threading.Lock()

    def begin(self, network: str, name: str) -> float:
        """Count an attempt. 0.0 if it may be made; else the seconds until one may."""
        with self._lock:
            now = self._clock()
            window = SECONDS_PER_PASSWORD * PASSWORDS_AT_ONCE
            if wait := self._rates.take((network, name), SECONDS_PER_PASSWORD, window=window, now=now):
                return wait
            window = SECONDS_PER_ATTEMPT * ATTEMPTS_AT_ONCE
            if wait := self._rates.take(network, SECONDS_PER_ATTEMPT, window=window, now=now):
                self._rates.give_back((network, name), SECONDS_PER_PASSWORD)
            return wait

    def succeeded(self, network: str, name: str) -> None:
        """The password was right: this name begins anew. The others do not: who has a password of his own could else try
        out somebody else's without end."""
        with self._lock:
            self._rates.forget((network, name))
            self._rates.give_back(network, SECONDS_PER_ATTEMPT)


class AdminSite(DjangosAdminSite):
    site_header = site_title = _("XTTS streaming server")
    site_url = None  # templates/admin/base_site.html leads to the other pages

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.password_attempts = PasswordAttempts()

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        view = partial(super().login, extra_context=extra_context)
        return self._limited(view, request, request.POST.get("username", ""))

    def password_change(  # type: ignore[override] # Django's redirects, too
        self, request: HttpRequest, extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """It asks for the old password first."""
        view = partial(super().password_change, extra_context=extra_context)
        return self._limited(view, request, request.user.get_username())

    def _limited(self, view: View, request: HttpRequest, name: str) -> HttpResponse:
        if request.method != "POST":
            return view(request)
        network = network_of(request.META.get("REMOTE_ADDR") or "", SITE)
        name = unicodedata.normalize("NFKC", name.strip()[:MOST_NAME_CHARS])  # as the form reads it
        if wait := self.password_attempts.begin(network, name):
            return self._refuse(request, network, math.ceil(wait))
        response = view(request)
        if response.status_code == HTTPStatus.FOUND:
            self.password_attempts.succeeded(network, name)
        return response

    def _refuse(self, request: HttpRequest, network: str, seconds: int) -> HttpResponse:
        logger.warning(
            "Passwords from %s are not looked at for %d s: there were too many", network or "a socket", seconds
        )
        sentence = ngettext(
            "Too many passwords were tried from your address. Try again in %(count)d second.",
            "Too many passwords were tried from your address. Try again in %(count)d seconds.",
            seconds,
        ) % {"count": seconds}
        context = {**self.each_context(request), "title": _("Too many attempts"), "sentence": sentence}
        return TemplateResponse(
            request,
            "admin/too_many_passwords.html",
            context,
            status=HTTPStatus.TOO_MANY_REQUESTS,
            headers={"Retry-After": str(seconds)},
        )
