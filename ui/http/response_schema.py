"""What a client's JSON schema picks of an object: OpenAI's ``json_schema`` response format.

The object is always the documented one; a schema can leave keys out and state types, and is refused
where it asks for anything else. No pattern of a caller is ever run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from konkyo.ui.http.problems import InvalidField

__all__ = ["SCHEMA_PARAM", "check_schema", "fitted"]

SCHEMA_PARAM = "response_format.json_schema.schema"

_KEYWORDS = frozenset(
    {"$defs", "$ref", "additionalProperties", "anyOf", "const", "default", "description"}
    | {"enum", "format", "items", "properties", "required", "title", "type"}
)
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list, tuple),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
_STEPS = 20_000
_DEPTH = 64


def check_schema(schema: Mapping[str, object], keys: Sequence[str]) -> None:
    """Refuse a schema that cannot fit an object of these keys. Raises InvalidField."""
    fitting = _Fitting(schema)
    root = fitting.resolved(schema)
    wanted = root.get("properties")
    if root.get("type") != "object" or not isinstance(wanted, dict):
        raise _unfit("it must be an object with properties")
    unknown = [name for name in wanted if name not in keys]
    if unknown:
        raise _unfit(f"there is no {unknown[0]!r}; the keys are {', '.join(keys)}")
    fitting.check_keywords(schema)


def fitted(value: object, schema: Mapping[str, object]) -> object:
    """What a schema picks of a value. Raises InvalidField where the value does not fit it."""
    return _Fitting(schema).pick(value, schema, "")


def _unfit(why: str) -> InvalidField:
    return InvalidField(SCHEMA_PARAM, f"{SCHEMA_PARAM}: {why}", "unsupported_schema")


class _Fitting:
    def __init__(self, root: Mapping[str, object]) -> None:
        self._root = root
        self._steps = 0
        self._depth = 0

    def resolved(self, schema: object) -> Mapping[str, object]:
        """A schema, or the one it refers to."""
        for _ in range(10):
            self._count()
            if not isinstance(schema, Mapping):
                raise _unfit("each schema must be an object")
            if "$ref" not in schema:
                return schema
            name = str(schema["$ref"]).removeprefix("#/$defs/")
            known = self._root.get("$defs")
            schema = known.get(name) if isinstance(known, Mapping) else None
        raise _unfit("its references go round in a circle")

    def check_keywords(self, schema: object) -> None:
        """Refuse keywords that are not understood."""
        waiting = [schema]
        while waiting:
            self._count()
            one = waiting.pop()
            if not isinstance(one, Mapping):
                raise _unfit("each schema must be an object")
            unknown = sorted(str(name) for name in one if name not in _KEYWORDS)
            if unknown:
                raise _unfit(f"{unknown[0]} is not supported")
            for name in ("properties", "$defs"):
                inner = one.get(name, {})
                waiting += inner.values() if isinstance(inner, Mapping) else [None]
            options = one.get("anyOf", [])
            waiting += options if isinstance(options, list) else [None]
            waiting += [one["items"]] if "items" in one else []

    def pick(self, value: object, schema: object, where: str) -> object:
        """What a schema picks of a value; ``where`` names the value in errors."""
        if self._depth > _DEPTH:
            raise _unfit("it is too deep")
        self._depth += 1
        try:
            return self._picked(value, schema, where)
        finally:
            self._depth -= 1

    def _picked(self, value: object, schema: object, where: str) -> object:
        schema = self.resolved(schema)
        options = schema.get("anyOf")
        if isinstance(options, list):
            return self._first(value, options, where)
        if not self._right(value, schema):
            raise _unfit(f"{where or 'the object'} is of another type or value")
        if isinstance(value, Mapping):
            return self._object(value, schema, where)
        if isinstance(value, (list, tuple)) and "items" in schema:
            return [self.pick(one, schema["items"], f"{where}[{n}]") for n, one in enumerate(value)]
        return value

    def _first(self, value: object, options: Sequence[object], where: str) -> object:
        error = _unfit(f"{where}: anyOf is empty")
        for option in options:
            try:
                return self.pick(value, option, where)
            except InvalidField as exc:
                error = exc
        raise error

    def _right(self, value: object, schema: Mapping[str, object]) -> bool:
        allowed = schema.get("enum")
        if isinstance(allowed, list) and value not in allowed:
            return False
        if "const" in schema and value != schema["const"]:
            return False
        named = schema.get("type")
        names = named if isinstance(named, list) else [named] if named is not None else []
        if not names:
            return True
        types = [kind for name in names for kind in _TYPES.get(str(name), ())]
        if isinstance(value, bool):
            return bool in types
        return isinstance(value, tuple(types))

    def _object(
        self, value: Mapping[str, object], schema: Mapping[str, object], where: str
    ) -> object:
        inner = schema.get("properties", {})
        known = inner if isinstance(inner, Mapping) else {}
        required = schema.get("required", [])
        names = map(str, required) if isinstance(required, list) else ()
        missing = [name for name in names if name not in value]
        if missing:
            raise _unfit(f"there is no {f'{where}.{missing[0]}'.lstrip('.')}")
        return {
            name: self.pick(one, known[name], f"{where}.{name}".lstrip("."))
            if name in known
            else one
            for name, one in value.items()
            if name in known or schema.get("additionalProperties") is not False
        }

    def _count(self) -> None:
        self._steps += 1
        if self._steps > _STEPS:
            raise _unfit("it is too large")
