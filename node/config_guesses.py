"""What a misspelt key or variable was most likely meant to be.

Here: the names of the environment's variables, and the sentences about keys that a
configuration does not have. Not here: what a configuration has (``node.config``); that is given
as pydantic models, so that nothing is said twice.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel

ENV_PREFIX: Final = "LIANPING_"
ENV_DELIMITER: Final = "__"
OPERATOR_PASSWORD: Final = f"{ENV_PREFIX}OPERATOR_PASSWORD"
ROOT_PASSPHRASE: Final = f"{ENV_PREFIX}ROOT_PASSPHRASE"
SECRETS: Final = frozenset({OPERATOR_PASSWORD, ROOT_PASSPHRASE})
"""Variables that are no configuration: they are for ``init`` inside a container."""

_TAGS: Final = frozenset({"rest", "stand_in", "none"})
"""Kinds of adapters, which pydantic puts into the place of an error."""


def overrides(name: str) -> bool:
    """Whether a variable is meant to override a key. Case does not matter, as on Windows."""
    return name.upper().startswith(ENV_PREFIX) and name.upper() not in SECRETS


def path_of(name: str) -> tuple[str, ...]:
    """The key that a variable overrides."""
    return tuple(name[len(ENV_PREFIX) :].lower().split(ENV_DELIMITER))


def unknown_variables(environment: Iterable[str], root: type[BaseModel]) -> list[str]:
    """A sentence for each variable with our prefix that overrides nothing."""
    found = (_unknown(name, root) for name in environment if overrides(name))
    return [each for each in found if each]


def sentence(error: Any, root: type[BaseModel]) -> str:
    """One of pydantic's errors, as ``section.key: what is wrong; what to do``."""
    where = [str(part) for part in error["loc"]]
    name = ".".join(part for part in where if part not in _TAGS)
    if error["type"] == "extra_forbidden":
        known = _known_at(where, root)
        return f"{name}: 未知的配置项 · unknown key" + _did_you_mean(where[-1], known)
    if error["type"] == "missing":
        return f"{name}: 缺少此项 · is missing"
    said: str = error["msg"].removeprefix("Value error, ")
    return f"{name}: {said}" if name else said


def _unknown(name: str, root: type[BaseModel]) -> str:
    said = f"环境变量 · environment variable {name}: "
    models: Sequence[type[BaseModel]] = [root]
    for part in path_of(name):
        known = _keys(models)
        if not known:
            return f"{said}{part!r} 之上已是一项 · there are no keys below that"
        if part not in known:
            return f"{said}未知 · unknown {part!r}" + _did_you_mean(part, known)
        models = _below(models, part)
    if not models:
        return ""
    key = next(iter(models[0].model_fields)).upper()
    return (
        f"{said}是一节,应写到其中一项 · is a section; name a key in it, e.g. "
        f"{name}{ENV_DELIMITER}{key}"
    )


def _known_at(where: Sequence[str], root: type[BaseModel]) -> Mapping[str, None]:
    """The keys that are known beside the one at ``where``."""
    models: Sequence[type[BaseModel]] = [root]
    for part in where[:-1]:
        if part in _TAGS:
            models = [each for each in models if part in _variants(each)]
        else:
            models = _below(models, part)
    return _keys(models)


def _keys(models: Iterable[type[BaseModel]]) -> Mapping[str, None]:
    return dict.fromkeys(key for model in models for key in model.model_fields)


def _below(models: Iterable[type[BaseModel]], key: str) -> list[type[BaseModel]]:
    """The sections that may stand under a key: one, or the variants of a union."""
    return [
        found
        for model in models
        if key in model.model_fields
        for found in _models_in(model.model_fields[key].annotation)
    ]


def _variants(model: type[BaseModel]) -> tuple[Any, ...]:
    kind: Any = model.model_fields["kind"].annotation  # a Literal
    return get_args(kind)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for each in get_args(annotation) for model in _models_in(each)]


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f";是否想写 · did you mean {close[0]!r}?"
    return f";可用 · known are: {', '.join(names)}"
