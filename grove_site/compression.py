"""Pages travel compressed. A secret in them is hidden from a guesser by padding of a random length (BREACH).

Only whole pages: an event stream must not wait for a buffer, an export is a file as it is, and the API's ETags are
compared sign by sign.
"""

from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware

PAGE = "text/html"


class PageCompressionMiddleware(GZipMiddleware):
    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if response.streaming or not response.get("Content-Type", "").startswith(PAGE):
            return response
        return super().process_response(request, response)
