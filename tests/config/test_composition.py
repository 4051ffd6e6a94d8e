"""Options are composed of groups. No two of them may have a validator of one name: one would take the other's place."""

from __future__ import annotations

from collections import defaultdict

import pytest

from thalweg.config import DeploymentOptions, GatewayOptions, NodeOptions
from thalweg.config.options import Options


@pytest.mark.parametrize("model", [DeploymentOptions, NodeOptions, GatewayOptions])
def test_no_validator_takes_the_place_of_another(model: type[Options]) -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for cls in model.__mro__:
        decorators = vars(cls).get("__pydantic_decorators__")
        for kind in ("field_validators", "model_validators"):
            for name, decorator in getattr(decorators, kind, {}).items():
                if name in vars(cls) and decorator.cls_ref == f"{cls.__module__}.{cls.__qualname__}:{id(cls)}":
                    places[name].append(cls.__name__)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
