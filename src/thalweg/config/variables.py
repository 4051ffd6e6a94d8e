"""What stands between `${{` and `}}` in a description, and the values that take its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from thalweg.config.secrets import Referenced, looks_secret, secret_file
from thalweg.errors import ConfigurationError

KeyPath: TypeAlias = tuple[str | int, ...]
Scalar: TypeAlias = Callable[[str], Any]
"""Reads text as what it means in YAML where it stands without quotes: `8` is a number."""

PLACEHOLDER = re.compile(r"(\$+)\{\{(?:(.*?)\}\})?", re.DOTALL)
OLD_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})")
"""As Jina writes a variable of the environment too."""

_REFERENCE = re.compile(
    r"\s*(?:(?P<kind>ENV|CONTEXT|SECRET|ROOT|THIS)\.)?(?P<name>[\w.\[\]'\"-]+?)\s*(?::-(?P<default>.*?))?\s*",
    re.IGNORECASE | re.DOTALL,
)
_PART = re.compile(r"\.?([\w-]+)|\[(\d+)\]|\[(['\"])(.*?)\3\]")
_FORMS = "ENV.NAME, CONTEXT.name, SECRET.name, root.key or this.key"


class PlainText(str):
    """Text that stood without quotes."""

    __slots__ = ()


def escaped(text: str) -> str:
    """`text` so that no placeholder is seen in it: another `$` before each `${{`."""
    return re.sub(r"(\$+)\{\{", r"$\1{{", text)


def has_placeholder(text: str) -> bool:
    """Whether something in `text` will be filled in."""
    return any(len(found[1]) == 1 and found[2] is not None for found in PLACEHOLDER.finditer(text))


def dotted(path: KeyPath) -> str:
    """`executors[1].uses_with.model` for the keys and positions of `path`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


class Variables:
    """Where values come from: `${{ ENV.NAME }}` from the environment, `${{ CONTEXT.name }}` or `${{ name }}` from the
    context, `${{ SECRET.name }}` from a file, `${{ root.a.b[0] }}` and `${{ this.key }}` from the same description.

    A default after `:-` stands in for what is not set, or set to nothing. Anything else between the braces is an error, and
    so is a name that is not set and has no default.
    """

    def __init__(self, context: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self.context = context
        self.environment = environment

    def fill(self, data: Any, scalar: Scalar, warn: Callable[[KeyPath, str], None]) -> Any:
        """`data` with every placeholder in it filled in. `warn` hears of those that are written as Jina did.

        Raises:
            PlaceholderError: one that means nothing.
        """
        return _Filling(self, data, scalar, warn).of(data, (), data)


class PlaceholderError(ConfigurationError):
    """A placeholder means nothing; `path` is where it stands."""

    def __init__(self, path: KeyPath, reason: str) -> None:
        super().__init__(f"{dotted(path)}: {reason}")
        self.path = path
        self.reason = reason


class _Filling:
    """Fills in one description."""

    def __init__(self, variables: Variables, root: Any, scalar: Scalar, warn: Callable[[KeyPath, str], None]) -> None:
        self._variables = variables
        self._root = root
        self._scalar = scalar
        self._warn = warn
        self._open: list[tuple[int, str]] = []
        """References that are being followed: where they begin, and what they name."""

    def of(self, value: Any, path: KeyPath, around: Any) -> Any:
        """`value` filled in; `around` is the mapping that it stands in."""
        if isinstance(value, Mapping):
            return {key: self.of(item, (*path, str(key)), value) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.of(item, (*path, index), around) for index, item in enumerate(value)]
        if isinstance(value, str) and not isinstance(value, Referenced) and "$" in value:
            return self._text(value, path, around)
        return str(value) if type(value) is PlainText else value

    def _text(self, text: str, path: KeyPath, around: Any) -> Any:
        plain = isinstance(text, PlainText)
        old = OLD_VARIABLE.fullmatch(text) if plain else None
        if old is not None and (old[1] or old[2]) in self._variables.environment:
            name = old[1] or old[2]
            self._warn(path, f"{text} is Jina's old form; write ${{{{ ENV.{name} }}}}, or quote it to mean the text")
            text = PlainText(f"${{{{ ENV.{name} }}}}")
        parts = list(PLACEHOLDER.finditer(text))
        whole = parts[0] if len(parts) == 1 and parts[0][0] == text.strip() else None
        if whole is not None and len(whole[1]) == 1 and whole[2] is not None:
            value = self._value(whole[2], path, around)
            return self._typed(value, plain, path) if isinstance(value, str) else value
        return self._joined(text, parts, plain, path, around)

    def _joined(self, text: str, parts: Sequence[re.Match[str]], plain: bool, path: KeyPath, around: Any) -> Any:
        """Text with placeholders among other words: secret where one of them is. What others than secrets gave stands in its
        reference as text: a context is not there any more when what was saved is read."""
        pieces, kept, end, secret, filled = [], [], 0, False, False
        for part in parts:
            words = text[end : part.start()]
            end = part.end()
            if len(part[1]) > 1:  # one `$` more than what is meant
                found: Any = f"{words}{part[1][1:]}{{{{"
                end = part.end(1) + 2
            elif part[2] is None:
                found = f"{words}{part[0]}"
            else:
                value = self._value(part[2], path, around)
                secret, filled = secret or isinstance(value, Referenced), True
                pieces.append(words)
                kept.append(escaped(words))
                found = value if isinstance(value, str) else str(value)
            pieces.append(found)
            kept.append(found.reference if isinstance(found, Referenced) else escaped(found))
        joined = "".join([*pieces, text[end:]])
        if secret:
            return self._typed(Referenced(joined, "".join([*kept, escaped(text[end:])])), plain, path)
        return self._scalar(joined) if plain and filled else joined

    def _typed(self, value: str, plain: bool, path: KeyPath) -> Any:
        """Text that was found, read as YAML reads it where the placeholder had no quotes. What may be secret stays text."""
        if not plain:
            return value
        if isinstance(value, Referenced):
            if value.reference.startswith("${{ SECRET.") or (path and looks_secret(str(path[-1]))):
                return value
            meant = self._scalar(value.get_secret_value())
            return value if isinstance(meant, str) else meant
        return self._scalar(value)

    def _value(self, inside: str, path: KeyPath, around: Any) -> Any:
        found = _REFERENCE.fullmatch(inside)
        if found is None:
            raise self._not_understood(inside, path)
        kind, name, default = (found["kind"] or "").upper(), found["name"], found["default"]
        if not kind and name not in self._variables.context:
            raise self._not_understood(inside, path)
        value = self._looked_up(kind, name, inside, path, around, default is not None)
        return default if default is not None and value in (None, "") else value

    def _not_understood(self, inside: str, path: KeyPath) -> PlaceholderError:
        return PlaceholderError(
            path,
            f"${{{{{inside}}}}} is not understood: write ${{{{ ENV.NAME }}}}, or another of {_FORMS}, with :-default before "
            "the closing braces if it may be missing. $${{ stands for the signs themselves",
        )

    def _looked_up(self, kind: str, name: str, inside: str, path: KeyPath, around: Any, optional: bool) -> Any:
        if kind in ("ROOT", "THIS"):
            return self._elsewhere(kind, name, inside, path, around, optional)
        if kind == "SECRET":
            try:
                return Referenced(secret_file(name, self._variables.environment), f"${{{{{inside}}}}}")
            except ConfigurationError as error:
                if optional:
                    return None
                raise PlaceholderError(path, str(error)) from None
        place: Mapping[str, Any] = self._variables.environment if kind == "ENV" else self._variables.context
        if name not in place:
            if optional:
                return None
            what = "environment variable" if kind == "ENV" else "context variable"
            raise PlaceholderError(path, f"the {what} {name} is not set, and no default is given (:-default)")
        value = place[name]
        hidden = kind == "ENV" or (path and looks_secret(str(path[-1])))
        return Referenced(value, f"${{{{{inside}}}}}") if hidden and isinstance(value, str) and value else value

    def _elsewhere(self, kind: str, name: str, inside: str, path: KeyPath, around: Any, optional: bool) -> Any:
        """What stands at another place of the description. A `this` in it is meant from there."""
        here = self._root if kind == "ROOT" else around
        followed = (id(here), name)
        if followed in self._open:
            raise PlaceholderError(path, f"${{{{{inside}}}}} means itself")
        self._open.append(followed)
        try:
            for key, number, _, quoted in _PART.findall(name):
                here = self.of(here, path, around) if isinstance(here, str) else here  # which leads further
                around = here if isinstance(here, Mapping) else around
                try:
                    here = here[int(number) if number else quoted or key]
                except (KeyError, IndexError, TypeError):
                    if optional:
                        return None
                    raise PlaceholderError(path, f"${{{{{inside}}}}} names nothing in this description") from None
            return self.of(here, path, around)
        finally:
            self._open.pop()
