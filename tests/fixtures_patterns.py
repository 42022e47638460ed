"""All regular expressions of the packages, strings that attack them, and the growth of their work.

Run as a program it measures every pattern and prints one line of JSON for each.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import importlib
import inspect
import json
import pkgutil
import random
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

__all__ = ["BOUND", "PACKAGES", "Growth", "Used", "attacks", "collect", "growth"]

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("konkyo",)
_METHODS = ("search", "match", "fullmatch", "findall", "finditer", "sub", "subn", "split")
_COMPILE = re._compile  # type: ignore[attr-defined]
# Work that takes so much processor time on a few thousand letters is without end.
_SECONDS = 2
_SMALL, _LARGE = 400, 3_200  # the first look, eight times apart
_FIRST, _LAST = 12_500, 100_000  # the last look, eight times apart
# Work that grows as the text does takes 8 times as long on 8 times the letters; as its square, 64.
BOUND = 24
_WHOLE, _PAIRS, _LETTERS, _MIXED = 6, 12, 24, 24  # how many attacks of a kind one pattern gets
_LANGUAGES = ("ar", "de", "en", "es", "fr", "hi", "ja", "ko", "pt", "ru", "th", "uk", "zh")
# Values of the local names in patterns that a function builds, by the text of the expression.
_EXAMPLES: dict[str, dict[str, Any]] = {
    "_as_whole_word(fold(text))": {"text": "3.5 km"},
    r"f'(?<![^\\W_]){re.escape(form)}(?![^\\W_])'": {"form": "New York"},
    "f'(?<![A-Za-z]){re.escape(subject)}(?![A-Za-z])'": {"subject": "NDS"},
    "re.escape(form)": {"form": "ニューヨーク"},
    "f'(?<![a-z0-9]){plain}(?![a-z0-9])' if name.isascii() else plain": {
        "name": "kyodo news",
        "plain": "kyodo\\ news",
    },
    r"f'\\b{re.escape(stem)}{whole}'": {"stem": "increas", "whole": r"\w*"},
    r"f'(?:\\d|[a-z])\\s?\\b{word}\\b|\\d{word}\\b'": {"word": "billion"},
    r"f'[\\s-]?{re.escape(word)}{boundary}'": {"word": "Milliarden", "boundary": r"(?![^\W\d_])"},
    "_latin_figures(mark)": {"mark": "[ .]"},
    "mark": {"mark": "[ .]"},
    "f'(?={re.escape(mark)})'": {"mark": "**"},
    "'|'.join(map('(.{2,120}?)'.join, pieces))": {
        "pieces": [["what is new about ", ""], ["summarise ", " for me"], ["", "について要約して"]]
    },
    "'|'.join(map(_whole, reversed(found)))": {"found": ("new", "what is", "について")},
    "_bounded(name)": {"name": "korean"},
    "'|'.join(map(re.escape, marks))": {"marks": ("***", "**", "*", "~~")},
}


@dataclass(frozen=True)
class Used:
    """A pattern, where it is written and how it is used."""

    pattern: str | bytes
    flags: int
    where: str
    method: str


@dataclass(frozen=True)
class Growth:
    """How many times longer the work takes on text eight times as long, and on which text."""

    times: float
    attack: str


# --- finding the patterns -------------------------------------------------------------------------


def _modules() -> Iterator[Any]:
    for package in PACKAGES:
        root = importlib.import_module(package)
        yield root
        for found in pkgutil.walk_packages(root.__path__, f"{package}."):
            if "migrations" in found.name:  # run by a tool of their own
                continue
            yield importlib.import_module(found.name)


def _place(frame: Any) -> str | None:
    """The file and line of the first frame outside re itself, if it is ours."""
    while frame is not None and frame.f_code.co_filename.endswith(("re/__init__.py",)):
        frame = frame.f_back
    path = Path(frame.f_code.co_filename)
    if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in PACKAGES:
        return f"{path.relative_to(ROOT)}:{frame.f_lineno}"
    return None


@contextlib.contextmanager
def _recorded(seen: dict[tuple[Any, int], str]) -> Iterator[None]:
    """Note every pattern that our modules compile, and where."""

    def compile_(pattern: Any, flags: Any) -> Any:
        place = _place(sys._getframe(1))
        if place and not isinstance(pattern, re.Pattern):
            seen.setdefault((pattern, int(flags)), place)
        return _COMPILE(pattern, flags)

    re._compile = compile_  # type: ignore[attr-defined]
    try:
        yield
    finally:
        re._compile = _COMPILE  # type: ignore[attr-defined]


def _methods_of_names(tree: ast.Module) -> dict[str, set[str]]:
    """The methods that are called on every name, as in `_WORD.search(text)` or `_WORD[x].sub`."""
    called: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in _METHODS:
            value = node.value
            while isinstance(value, ast.Subscript):
                value = value.value
            if isinstance(value, ast.Name):
                called.setdefault(value.id, set()).add(node.attr)
            elif isinstance(value, ast.Attribute):
                called.setdefault(value.attr, set()).add(node.attr)
            elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
                called.setdefault(value.func.id, set()).add(node.attr)
    return called


def _calls(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr in (*_METHODS, "compile")
        ):
            yield node, node.func.attr


def _flags(call: ast.Call, method: str, names: dict[str, Any]) -> int:
    places = {"compile": 1, "sub": 4, "subn": 4, "split": 3}
    place = places.get(method, 2)
    given = [k.value for k in call.keywords if k.arg == "flags"] or call.args[place : place + 1]
    return int(_value(given[0], names)) if given else 0


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    return eval(compile(ast.Expression(node), "<pattern>", "eval"), names)


def _builders(module: Any, tree: ast.Module) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The functions that build patterns out of tables, for no argument or for each language."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and (
            any(method == "compile" for _, method in _calls(ast.Module([node], [])))
            or _reads_words(node)
        ):
            built = getattr(module, node.name)
            parameters = list(inspect.signature(built).parameters)
            if not parameters:
                yield node.name, built
            elif parameters == ["language"]:
                yield from ((node.name, partial(built, language)) for language in _LANGUAGES)


def _reads_words(node: ast.FunctionDef) -> bool:
    """Whether a function reads a file of words, whose patterns are compiled when it is read."""
    return any(
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "word_data"
        for call in ast.walk(node)
    )


def _of_values(values: Iterable[tuple[str, Any]]) -> dict[tuple[Any, int], set[str]]:
    """The names under which each compiled pattern stands, in named values and their fields."""
    names: dict[tuple[Any, int], set[str]] = {}

    def walk(name: str, value: Any, depth: int) -> None:
        if isinstance(value, re.Pattern):
            names.setdefault((value.pattern, value.flags), set()).add(name)
        elif depth and dataclasses.is_dataclass(value) and not isinstance(value, type):
            for field in dataclasses.fields(value):
                walk(field.name, getattr(value, field.name), depth - 1)
        elif depth and isinstance(value, dict):
            for each in value.values():
                walk(name, each, depth - 1)
        elif depth and isinstance(value, tuple | list | set | frozenset):
            for each in value:
                walk(name, each, depth - 1)

    for name, value in values:
        walk(name, value, 3)
    return names


def collect() -> tuple[list[Used], list[str]]:
    """All patterns of the packages, and the calls whose pattern could not be known."""
    seen: dict[tuple[Any, int], str] = {}
    trees: dict[str, tuple[Any, ast.Module]] = {}
    with _recorded(seen):
        for module in _modules():
            path = Path(module.__file__)
            tree = ast.parse(path.read_text())
            trees[str(path.relative_to(ROOT))] = (module, tree)
        built = [
            (name, builder())
            for module, tree in trees.values()
            for name, builder in _builders(module, tree)
        ]
    methods: dict[tuple[Any, int], set[str]] = {}
    everywhere: dict[str, set[str]] = {}
    for module, tree in trees.values():
        called = _methods_of_names(tree)
        for name, used_as in called.items():
            everywhere.setdefault(name, set()).update(used_as)
        for key, found_as in _of_values(list(vars(module).items())).items():
            methods.setdefault(key, set()).update(*(called.get(name, ()) for name in found_as))
    for key, found_as in _of_values(built).items():
        methods.setdefault(key, set()).update(*(everywhere.get(name, ()) for name in found_as))
    used: dict[Used, None] = {}
    for (pattern, flags), place in seen.items():
        full = _COMPILE(pattern, flags)
        known = methods.get((pattern, full.flags), set())
        for method in sorted(known) or ["finditer", "match", "fullmatch"]:
            used[Used(pattern, flags, place, method)] = None
    unknown = []
    for path_name, (module, tree) in trees.items():
        for call, method in _calls(tree):
            text = ast.unparse(call.args[0])
            names = {**vars(module), **_EXAMPLES.get(text, {})}
            try:
                pattern, flags = _value(call.args[0], names), _flags(call, method, names)
            except NameError:
                if method != "compile" or not any(
                    place.startswith(f"{path_name}:{call.lineno}") for place in seen.values()
                ):
                    unknown.append(f"{path_name}: {text}")
                continue
            if isinstance(pattern, str | bytes) and (
                method != "compile" or (pattern, flags) not in seen
            ):
                where = f"{path_name}:{call.lineno}"
                for each in [method] if method != "compile" else ["finditer", "match", "fullmatch"]:
                    used[Used(pattern, flags, where, each)] = None
    merged = {(u.pattern, u.flags, _kind(u.method)): u for u in reversed(used)}
    return list(reversed(merged.values())), unknown


def _kind(method: str) -> str:
    return "finditer" if method in {"findall", "finditer", "sub", "subn", "split"} else method


# --- strings that attack a pattern ----------------------------------------------------------------

_LETTERS_OF = {
    op.CATEGORY_DIGIT: "1",
    op.CATEGORY_NOT_DIGIT: "a",
    op.CATEGORY_SPACE: " ",
    op.CATEGORY_NOT_SPACE: "a",
    op.CATEGORY_WORD: "a",
    op.CATEGORY_NOT_WORD: " ",
}
# What stands after: nothing, what no pattern takes, and what puts the end of the text further off.
_ENDS = ("", "\x00", "\x00a\n1")
_TRIED = " a1\n.-|#>一アあ가A,\t"


class _Tree:
    """The parsed tree of one pattern, and examples of the text that its parts match."""

    def __init__(self, pattern: str, flags: int, seed: int) -> None:
        self.root = _parser.parse(pattern, flags)
        self.random = random.Random(seed)
        self.groups: dict[int, str] = {}
        # For every repeat: what a match holds before it, and examples of what is repeated.
        self.repeats: list[tuple[str, list[str]]] = []
        self._walk(self.root, "")

    def text(self, items: Any) -> str:
        """One text that the items match, look-arounds left out."""
        return "".join(self._one(kind, value) for kind, value in items)

    def _one(self, kind: Any, value: Any) -> str:
        if kind is op.LITERAL:
            return chr(value)
        if kind in {op.NOT_LITERAL, op.ANY, op.IN}:
            return self._letter(kind, value)
        if kind is op.BRANCH:
            return self.text(self.random.choice(value[1]))
        if kind is op.SUBPATTERN:
            self.groups[value[0]] = said = self.text(value[3])
            return said
        if kind in {op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT}:
            least, most, items = value
            count = least + (1 if most > least and self.random.random() < 0.6 else 0)
            return "".join(self.text(items) for _ in range(min(count, 40)))
        if kind is op.ATOMIC_GROUP:
            return self.text(value)
        if kind is op.GROUPREF:
            return self.groups.get(value, "")
        if kind is op.ASSERT and value[0] > 0:
            return ""
        return ""

    def _letter(self, kind: Any, value: Any) -> str:
        if kind is op.ANY:
            return self.random.choice("a 1.一")
        if kind is op.NOT_LITERAL:
            return next(c for c in self.random.sample(_TRIED, len(_TRIED)) if ord(c) != value)
        first = value[0][0]
        if first is op.NEGATE:
            outside = _accepts(value[1:])
            free = [c for c in _TRIED if not outside(c)]
            return self.random.choice(free) if free else "☃"
        what, said = self.random.choice(value)
        if what is op.LITERAL:
            return chr(said)
        if what is op.RANGE:
            return chr(self.random.randint(*said))
        return _LETTERS_OF[said]

    def _walk(self, items: Any, before: str) -> None:
        """Find the repeats, with an example of what leads to each."""
        for kind, value in items:
            if kind in {op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT}:
                if value[1] > 3:
                    bodies = list(dict.fromkeys(self.text(value[2]) for _ in range(4)))
                    self.repeats.append((before, [b for b in bodies if b][:3]))
                self._walk(value[2], before)
            elif kind is op.BRANCH:
                for branch in value[1]:
                    self._walk(branch, before)
            elif kind is op.SUBPATTERN:
                self._walk(value[3], before)
            elif kind is op.ATOMIC_GROUP:
                self._walk(value, before)
            elif kind in {op.ASSERT, op.ASSERT_NOT}:
                self._walk(value[1], before)
            before += self._one(kind, value)


def _accepts(items: Any) -> Callable[[str], bool]:
    tests = []
    for what, said in items:
        if what is op.LITERAL:
            tests.append(lambda c, said=said: ord(c) == said)
        elif what is op.RANGE:
            tests.append(lambda c, said=said: said[0] <= ord(c) <= said[1])
        else:
            name = str(said)
            plain = {
                "DIGIT": str.isdigit,
                "SPACE": str.isspace,
                "WORD": lambda c: c.isalnum() or c == "_",
            }
            test = plain[name.rsplit("_", 1)[-1]]
            tests.append(lambda c, test=test, no="NOT" in name: test(c) is not no)
    return lambda c: any(test(c) for test in tests)


def attacks(pattern: str, flags: int) -> list[tuple[str, str, str]]:
    """What stands before, what is repeated, and what stands after, for each attack."""
    tree = _Tree(pattern, flags, seed=len(pattern))
    draw = random.Random(len(pattern))

    def some(values: Iterable[Any], most: int) -> list[Any]:
        listed = list(dict.fromkeys(values))
        return listed if len(listed) <= most else draw.sample(listed, most)

    bodies = some((b for _, found in tree.repeats for b in found), _LETTERS)
    letters = some((c for b in bodies for c in b), _LETTERS // 2)
    wholes = [w for w in some((tree.text(tree.root) for _ in range(_WHOLE)), _WHOLE) if w]
    pumps: list[tuple[str, str]] = [("", c) for c in dict.fromkeys([*" a1\n一アA", *letters])]
    pumps += [("", b) for b in bodies]
    pumps += some(((before, b) for before, found in tree.repeats for b in found), _LETTERS)
    pumps += some((("", before + b) for before, found in tree.repeats for b in found), _PAIRS)
    pumps += some(
        (("", before + b + end) for before, found in tree.repeats for b in found for end in " \n"),
        _LETTERS,
    )
    pumps += [("", before) for before in some((b for b, _ in tree.repeats if b), _WHOLE)]
    pumps += some((("", a + b) for a in bodies for b in bodies if a != b), _PAIRS)
    pumps += [("", w) for w in wholes] + [("", w[:-1]) for w in wholes if w[:-1]]
    pumps += [("", w + end) for w in wholes for end in " \n"]
    pieces = [*bodies, *(b for b, _ in tree.repeats if b), *wholes, *letters, *" \na1."]
    pumps += [("", "".join(draw.choices(pieces, k=draw.randint(2, 4)))) for _ in range(_MIXED)]
    return [(before, pump, end) for before, pump in dict.fromkeys(pumps) for end in _ENDS]


def _text(attack: tuple[str, str, str], letters: int) -> str:
    before, pump, after = attack
    return before + (pump * (letters // len(pump) + 1))[:letters] + after


# --- the growth of its work -----------------------------------------------------------------------


class _Endless(Exception):
    pass


@contextlib.contextmanager
def _deadline() -> Iterator[None]:
    """Stop work that has no end; the engine looks for signals while it matches."""

    def stop(*_: Any) -> None:
        raise _Endless

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _runner(compiled: re.Pattern[Any], method: str) -> Callable[[Any], object]:
    kind = _kind(method)
    if kind == "finditer":
        return lambda text: deque(compiled.finditer(text), maxlen=0)
    run: Callable[[Any], object] = getattr(compiled, kind)
    return run


def _seconds(run: Callable[[Any], object], text: Any, repeats: int) -> float:
    """The least processor time of several runs."""
    best = float("inf")
    for _ in range(repeats):
        start = time.thread_time()
        with _deadline():
            run(text)
        best = min(best, time.thread_time() - start)
    return best


def growth(used: Used) -> Growth:
    """The worst growth of the work of one pattern over all attacks on it."""
    compiled = _COMPILE(used.pattern, used.flags)
    raw = isinstance(used.pattern, bytes)
    plain = used.pattern.decode("latin-1") if isinstance(used.pattern, bytes) else used.pattern
    run = _runner(compiled, used.method)

    def text(attack: tuple[str, str, str], letters: int) -> Any:
        made = _text(attack, letters)
        return made.encode("latin-1", "replace") if raw else made

    def ratio(attack: tuple[str, str, str], small: int, large: int, repeats: int) -> float:
        # Work too short to be measured counts as some letters' worth.
        least = _seconds(run, text(attack, small), repeats) + 20e-6
        try:
            return (_seconds(run, text(attack, large), max(1, repeats // 2)) + 20e-6) / least
        except _Endless:
            return float("inf")

    worst = []
    for attack in attacks(plain, used.flags):
        try:
            times = ratio(attack, _SMALL, _LARGE, 1)
            if BOUND * 0.6 < times < float("inf"):
                times = ratio(attack, _SMALL, _LARGE, 5)
        except _Endless:
            return Growth(float("inf"), repr(attack))
        if times == float("inf"):
            return Growth(times, repr(attack))
        if times > BOUND and min(times, ratio(attack, _SMALL, _LARGE, 9)) > BOUND:
            return Growth(times, repr(attack))
        worst.append((times, attack))
    worst.sort(key=lambda one: -one[0])
    last = Growth(0, "")
    for _, attack in worst[:2]:
        times = ratio(attack, _FIRST, _LAST, 2)
        if times > BOUND:
            times = min(times, ratio(attack, _FIRST, _LAST, 6))
        if times > last.times:
            last = Growth(times, repr(attack))
    return last


def _main() -> None:
    sys.path.insert(0, str(ROOT))
    found, unknown = collect()
    print(json.dumps({"patterns": len(found), "unknown": unknown}), flush=True)
    for used in found:
        start = time.thread_time()
        result = growth(used)
        print(
            json.dumps(
                {
                    "where": used.where,
                    "method": used.method,
                    "pattern": str(used.pattern),
                    "times": result.times,
                    "attack": result.attack,
                    "spent": time.thread_time() - start,
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    _main()
