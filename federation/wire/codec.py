"""One mapping for all messages: a frozen dataclass <-> the protobuf message of its name.

Fields correspond by name; enums by number; what a field may hold is a rule in
``federation.wire.rules``. There is no second place where a peer's values are checked for
shape. The plan for a class is made once; see ``Codec``.
"""

import dataclasses
from collections.abc import Callable, Mapping
from enum import IntEnum
from types import UnionType
from typing import Any, Final, Generic, TypeVar, get_args, get_origin, get_type_hints

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from federation.errors import Malformed
from federation.wire.rules import Rule, rule_for

T = TypeVar("T")

UNPARSABLE: Final = (DecodeError, UnicodeDecodeError)
"""What protobuf raises for bytes that are no message: its compiled half the first, its Python
half, which the verifier's page runs, the second for text that is not UTF-8."""


class Codec(Generic[T]):
    """Reads and writes one dataclass as one protobuf message.

    Args:
        cls: A frozen dataclass whose fields are str, bytes, int, bool, IntEnum, another
            such dataclass, or a tuple of one of these.
        message: The generated class with the same field names.
    """

    def __init__(self, cls: type[T], message: type[Message]) -> None:
        hints = get_type_hints(cls)
        self._cls = cls
        self._message = message
        self._plan = [
            (field.name, *_converters(hints[field.name], message, field.name, cls))
            for field in dataclasses.fields(cls)  # type: ignore[arg-type]
        ]

    def encode(self, value: T) -> bytes:
        """Serialise; field order is the proto's, so equal values give equal bytes."""
        return self.to_message(value).SerializeToString(deterministic=True)

    def decode(self, raw: bytes) -> T:
        """Parse and check.

        Raises:
            Malformed: Not such a message, or a field breaks its rule.
        """
        message = self._message()
        try:
            message.ParseFromString(raw)
        except UNPARSABLE as error:
            raise Malformed(f"not a {self._cls.__name__} message") from error
        return self.from_message(message)

    def to_message(self, value: T) -> Message:
        """Our type to the generated one."""
        message = self._message()
        for name, put, _ in self._plan:
            put(message, getattr(value, name))
        return message

    def from_message(self, message: Message) -> T:
        """The generated type to ours. Raises Malformed."""
        try:
            return self._cls(*[take(getattr(message, name)) for name, _, take in self._plan])
        except ValueError as error:
            raise Malformed(f"{self._cls.__name__}.{error}") from error


Put = Callable[[Any, Any], None]
Take = Callable[[Any], Any]


def _converters(
    hint: Any, message: type[Message], name: str, cls: type[object]
) -> tuple[Put, Take]:
    rule = rule_for(cls.__name__, name)
    if get_origin(hint) is tuple:
        return _many(get_args(hint)[0], message, name, rule)
    if isinstance(hint, UnionType):
        raise TypeError(f"{cls.__name__}.{name}: absent values are empty, not None")
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        codec: Codec[Any] = Codec(hint, _nested(message, name))

        def put_message(target: Any, value: Any) -> None:
            getattr(target, name).CopyFrom(codec.to_message(value))

        return put_message, codec.from_message
    take = _scalar(hint, name, rule)

    def put(target: Any, value: Any) -> None:
        setattr(target, name, value)

    return put, take


def _many(item: Any, message: type[Message], name: str, rule: Rule) -> tuple[Put, Take]:
    if isinstance(item, type) and dataclasses.is_dataclass(item):
        codec: Codec[Any] = Codec(item, _nested(message, name))

        def put_messages(target: Any, values: Any) -> None:
            getattr(target, name).extend(codec.to_message(value) for value in values)

        def take_messages(values: Any) -> Any:
            rule.check_count(name, len(values))
            return tuple(map(codec.from_message, values))

        return put_messages, take_messages
    take_one = _scalar(item, name, rule)

    def put_scalars(target: Any, values: Any) -> None:
        getattr(target, name).extend(values)

    def take_scalars(values: Any) -> Any:
        rule.check_count(name, len(values))
        return tuple(map(take_one, values))

    return put_scalars, take_scalars


def _scalar(hint: Any, name: str, rule: Rule) -> Take:
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        known: Mapping[int, IntEnum] = {member.value: member for member in hint}

        def take_enum(value: Any) -> Any:
            if value not in known:
                raise ValueError(f"{name}: {value} is not a value of {hint.__name__}")
            return known[value]

        return take_enum

    def take(value: Any) -> Any:
        rule.check(name, value)
        return value

    return take


def _nested(message: type[Message], name: str) -> type[Message]:
    described = message.DESCRIPTOR.fields_by_name[name].message_type
    assert isinstance(described, Descriptor), f"{name} is not a message field"
    return GetMessageClass(described)
