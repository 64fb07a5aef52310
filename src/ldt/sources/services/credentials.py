"""Keys and tokens: they come from the environment as `${NAME}`, and leave in nothing that is written or shown.

Only what a recipe or a user has written is filled (:meth:`Hidden.filled`), once, before a service is asked. What a service says, its links and
names, is never: a service that writes `${NAME}` would read the environment.
"""

from __future__ import annotations

import logging
import os
import re
from urllib.parse import quote, quote_plus

from ldt.errors import RecipeError
from ldt.sources.services.service import Service

_NAME = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
#: Query parameters whose values are credentials whoever wrote them: signed addresses that services redirect to carry some.
_CARRIERS = (
    "access_token|api[-_]?key|appid|auth|authorization|awsaccesskeyid|client_secret|key|passw(?:or)?d|pwd|secret|sig|signature"
    "|subscription-key|token|x-amz-credential|x-amz-security-token|x-amz-signature|x-goog-credential|x-goog-signature"
)
_PARAMETER = re.compile(rf"([?&;](?:{_CARRIERS})=)(?!\$\{{)[^&;#\s'\"<>]+", re.IGNORECASE)
_USER = re.compile(r"(https?://)[^/\s@?#]+@", re.IGNORECASE)
#: Headers that carry credentials.
_SECRET_HEADERS = re.compile(r"auth|cookie|key|token|secret|password", re.IGNORECASE)


def inert(text: str) -> str:
    """Return a service's text with nothing in it that would be filled."""
    return text.replace("${", "$%7B")


class Hidden:
    """What was taken from the environment, so that it can be taken out of texts again."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def fill(self, text: str) -> str:
        """Return a text with the environment's values in place of `${NAME}`.

        Raises:
            RecipeError: a variable that is not set; names it.
        """
        return _NAME.sub(self._value, text)

    def fill_address(self, url: str) -> str:
        """Return an address with the environment's values; in its query they are encoded.

        Raises:
            RecipeError: a variable that is not set; names it.
        """
        path, mark, query = url.partition("?")
        return self.fill(path) + mark + _NAME.sub(lambda m: quote(self._value(m), safe=""), query)

    def filled(self, service: Service) -> Service:
        """Return a service as a recipe describes it, with the environment's values in address, layer, parameters and headers.

        Raises:
            RecipeError: a variable that is not set; names it.
        """
        return service.model_copy(
            update={
                "url": self.fill_address(service.url),
                "layer": None if service.layer is None else self.fill(service.layer),
                "parameters": {n: self.fill(v) for n, v in service.parameters.items()},
                "headers": {n: self.fill(v) for n, v in service.headers.items()},
            }
        )

    def name(self, text: str) -> str:
        """Return a text with `${NAME}` for what came from the environment; what undoes it is :meth:`fill`."""
        for value in sorted(self._names, key=len, reverse=True):
            for written in (value, quote(value, safe=""), quote_plus(value), quote(value)):
                text = text.replace(written, f"${{{self._names[value]}}}")
        return text

    def hide(self, text: str) -> str:
        """Return a text without credentials: `${NAME}` for what came from the environment, `***` for what looks like one."""
        return _USER.sub(r"\1", _PARAMETER.sub(r"\1***", self.name(text)))

    def holds(self, text: str) -> bool:
        """Whether something of a text came from the environment."""
        return any(secret in text for secret in self._names)

    def secret_header(self, name: str, value: str) -> bool:
        """Whether a header must not leave for another host."""
        return bool(_SECRET_HEADERS.search(name)) or self.holds(value)

    def _value(self, match: re.Match[str]) -> str:
        name = match.group(1)
        value = os.environ.get(name)
        if not value:
            raise RecipeError(
                f"the service needs the environment variable {name}, which is not set",
                where=name,
                remedy=f"get a key from the operator of the service and set it: export {name}=…",
            )
        # The address of a service is no secret; what may be one in it is hidden as in any other address.
        if not value.lower().startswith(("http://", "https://")):
            self._names[value] = name
        return value


class LogFilter(logging.Filter):
    """Keeps credentials out of what the HTTP library logs."""

    def __init__(self, hidden: Hidden) -> None:
        super().__init__()
        self._hidden = hidden

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, its text without credentials."""
        record.msg, record.args = self._hidden.hide(record.getMessage()), ()
        return True
