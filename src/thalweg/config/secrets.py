"""Text that must not be shown: used where it is needed, and written down by where it comes from."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, SecretStr, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from thalweg.errors import ConfigurationError

HIDDEN = "**********"
FOLDER_VARIABLE = "THALWEG_SECRETS"
FOLDER = "/run/secrets"
"""Where Docker and Kubernetes put files with secrets by custom; `THALWEG_SECRETS` names another folder."""

LARGEST_FILE = 1 << 20

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*\Z")
_TELLING = re.compile(
    r"(?:^|[_\W])(?:password|passwd|passphrase|passcode|secret|credentials?|authorization|cookie|bearer"
    r"|(?:api|access|secret|private|auth|account|signing|encryption|license)[_-]?key"
    r"|(?:api|access|auth|refresh|bearer|session|identity|hf|hub|github|jwt)[_-]?token)\Z|^(?:token|pwd)\Z",
    re.IGNORECASE,
)
_TELLING_VARIABLE = re.compile(r"[A-Z0-9_]+_(?:TOKEN|KEY|PAT|PWD)\Z")


class Referenced(str):
    """Text that came from somewhere: its `repr` is `reference`, which says from where as YAML would, `${{ ENV.TOKEN }}`."""

    reference: str

    def __new__(cls, value: str, reference: str = "") -> Self:
        made = super().__new__(cls, value)
        made.reference = reference
        return made

    def get_secret_value(self) -> str:
        """The text."""
        return "".join(self)

    def __repr__(self) -> str:
        return repr(self.reference or HIDDEN)

    def __reduce__(self) -> tuple[type[Referenced], tuple[str, str]]:
        return type(self), (self.get_secret_value(), self.reference)


class Secret(Referenced):
    """Text that no `repr`, `str`, format or log shows. Whoever needs it asks `get_secret_value`.

    `reference` is empty where the text itself was given; then it cannot be written to a file.
    """

    @classmethod
    def at(cls, place: str) -> Secret:
        """The secret at `ENV.NAME`, an environment variable, or at `SECRET.name`, a file of that name in the folder that
        `THALWEG_SECRETS` names, `/run/secrets` where it names none.

        Raises:
            ConfigurationError: it is not there.
        """
        kind, _, name = place.partition(".")
        reference = f"${{{{ {place} }}}}"
        if kind == "SECRET":
            return cls(secret_file(name), reference)
        if kind != "ENV" or not name.isidentifier():
            raise ConfigurationError(f"{place!r} is no place of a secret: write 'ENV.NAME' or 'SECRET.name'.")
        if name not in os.environ:
            raise ConfigurationError(f"the environment variable {name} is not set")
        return cls(os.environ[name], reference)

    def __str__(self) -> str:
        return self.reference or HIDDEN

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _secret, serialization=core_schema.plain_serializer_function_ser_schema(_shown, when_used="json")
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "format": "password", "writeOnly": True}


def _secret(value: Any) -> Secret:
    if isinstance(value, Referenced):
        return Secret(value.get_secret_value(), value.reference)
    if isinstance(value, SecretStr):
        return Secret(value.get_secret_value())
    if isinstance(value, str):
        return Secret(value)
    raise PydanticCustomError("secret_type", "Input should be text")  # and what it is instead is nobody's business


def _shown(value: Secret) -> str:
    return value.reference or HIDDEN


def _kept(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    return _secret(value) if isinstance(value, (Referenced, SecretStr)) else handler(value)


MaybeSecret: TypeAlias = Annotated[str, WrapValidator(_kept)]
"""Text that may be a `Secret`, and stays one."""


def secret_file(name: str, environment: Mapping[str, str] | None = None) -> str:
    """What stands in the file `name` of the folder of secrets, without the line's end.

    Raises:
        ConfigurationError: there is no such file, it is no text, or `name` leads elsewhere.
    """
    folder = Path((os.environ if environment is None else environment).get(FOLDER_VARIABLE) or FOLDER)
    if not _NAME.match(name):
        raise ConfigurationError(f"{name!r} is no name of a secret: letters, digits, '.', '-' and '_'")
    path = folder / name
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigurationError(
            f"the secret {name} cannot be read from {path}: {error.strerror}; {FOLDER_VARIABLE} names the folder"
        ) from None
    if len(data) > LARGEST_FILE:
        raise ConfigurationError(f"the secret {name} in {path} is longer than {LARGEST_FILE} bytes")
    try:
        return data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ConfigurationError(f"the secret {name} in {path} is no UTF-8 text") from None


def revealed(value: Any) -> Any:
    """`value` with the text of every secret in its place, in mappings and lists too."""
    if isinstance(value, Referenced):
        return value.get_secret_value()
    if type(value) is dict:
        return {key: revealed(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(revealed(item) for item in value)
    return value


def looks_secret(name: str) -> bool:
    """Whether what goes by `name` is likely to be one: `password`, `api_key`, `HF_TOKEN`, `authorization`."""
    return _TELLING.search(name) is not None or _TELLING_VARIABLE.match(name) is not None


def hidden(value: Any, name: str = "") -> Any:
    """`value`, which goes by `name`, with nothing in it that may be secret: for everything that is printed."""
    if name and value not in (None, "", False, True) and looks_secret(name):
        return value.reference or HIDDEN if isinstance(value, Referenced) else HIDDEN
    if isinstance(value, Referenced):
        return value.reference or HIDDEN
    if isinstance(value, Mapping):
        return {key: hidden(item, str(key)) for key, item in value.items()}
    if type(value) in (list, tuple):
        if len(value) == 2 and isinstance(value[0], str):  # a name and a value, as headers are kept
            return type(value)((value[0], hidden(value[1], value[0])))
        return type(value)(hidden(item) for item in value)
    return value


def masked(value: Any, name: str = "") -> str:
    """`repr` of `value`, at most 60 characters, for messages: nothing that may be secret is in it."""
    text = repr(hidden(value, name))
    return text if len(text) <= 60 else f"{text[:57]}..."
