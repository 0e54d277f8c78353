"""The project's own pages, at addresses that the speech API has as well."""

from django.contrib.auth.decorators import login_not_required, login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt


@login_not_required
def health(request: HttpRequest) -> HttpResponse:
    return HttpResponse("the host is well")


@login_required
def choirs(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"the choirs of {request.user}")


@csrf_exempt
@login_not_required
def upload(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(len(request.read())))
