"""Korean catalogues without GNU gettext: collect the sentences, keep the translations, compile.

Every app has one catalogue, `testbed/<app>/locale/ko/LC_MESSAGES/django.po`; what stands in
`testbed/*.py` belongs to the catalogue of `web`. The English sentence in the source is the msgid.
Needs Babel, which only development installs: the compiled `.mo` files are committed.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LANGUAGE = "ko"
HEADER = (
    'msgid ""\nmsgstr ""\n'
    '"Language: ko\\n"\n'
    '"MIME-Version: 1.0\\n"\n'
    '"Content-Type: text/plain; charset=UTF-8\\n"\n'
    '"Content-Transfer-Encoding: 8bit\\n"\n'
    '"Plural-Forms: nplurals=1; plural=0;\\n"\n\n'
)
# One moment for ever, so that the same sentences always give the same bytes.
NO_DATE = datetime(2000, 1, 1, tzinfo=UTC)
KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
Key = tuple[str, str | None]
Text = str | tuple[str, ...] | list[str] | None


@dataclass
class Outcome:
    """What collecting did to one catalogue."""

    app: str
    added: list[str] = field(default_factory=list)
    borrowed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    untranslated: list[str] = field(default_factory=list)


def apps() -> list[str]:
    """Folders of `testbed` that are apps, sorted."""
    return sorted(path.parent.name for path in ROOT.glob("*/apps.py"))


def po_path(app: str) -> Path:
    return ROOT / app / "locale" / LANGUAGE / "LC_MESSAGES" / "django.po"


def sources(app: str) -> Iterator[Path]:
    """The app's Python and templates; migrations hold no sentence of their own."""
    folder = ROOT / app
    for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.html"), *folder.rglob("*.txt")]):
        is_template = path.suffix != ".py" and "templates" in path.parts
        if is_template or (path.suffix == ".py" and "migrations" not in path.parts):
            yield path
    if app == "web":
        yield from sorted(ROOT.glob("*.py"))


def key(message: Message) -> Key:
    """What makes a message itself: the (singular) sentence and its context."""
    singular = message.id[0] if isinstance(message.id, list | tuple) else message.id
    return singular, message.context


def collect(app: str) -> Catalog:
    """Every sentence that the app's sources mark for translation."""
    catalog = Catalog(locale=LANGUAGE)
    for path in sources(app):
        text = path.read_text()
        if path.suffix != ".py":
            # Django turns a template into lines of calls; Babel wants them without indents.
            text = "\n".join(line.strip() for line in templatize(text).splitlines())
        found = extract("python", io.BytesIO(text.encode()), KEYWORDS, ["Translators:"], {})
        for _line, message, _comments, context in found:
            catalog.add(message, context=context)
    return catalog


def read(app: str) -> Catalog:
    """The app's catalogue as it is stored, or an empty one."""
    path = po_path(app)
    if not path.exists():
        return Catalog(locale=LANGUAGE)
    with path.open("rb") as stream:
        return read_po(stream, locale=LANGUAGE)


def messages(catalog: Catalog) -> dict[Key, Message]:
    return {key(message): message for message in catalog if message.id}


def is_translated(message: Message) -> bool:
    parts = message.string if isinstance(message.string, list | tuple) else [message.string]
    return all(parts) and not message.fuzzy


def update(app: str, *, prune: bool = False) -> Outcome:
    """Bring the app's .po up to its sources: translations stay, new sentences come in empty.

    A new sentence that another app has translated borrows that Korean, so that one thing keeps
    one name. A sentence that left the sources is kept as obsolete (`#~`) unless `prune`.
    """
    stored, wanted = read(app), collect(app)
    known = messages(stored) | {key(m): m for m in stored.obsolete.values()}
    outcome = Outcome(app)
    fresh = Catalog(locale=LANGUAGE)
    for this, message in messages(wanted).items():
        korean: Text = known[this].string if this in known and is_translated(known[this]) else ""
        if not korean:
            korean = _borrow(app, message)
            (outcome.borrowed if korean else outcome.untranslated).append(this[0])
        if this not in known:
            outcome.added.append(this[0])
        fresh.add(message.id, _shaped(message, korean), context=message.context)
    for this, message in known.items():
        if this not in messages(wanted):
            outcome.gone.append(this[0])
            if not prune and is_translated(message):
                fresh.obsolete[this[0]] = message
    if messages(fresh) or fresh.obsolete:
        _write(app, fresh)
    return outcome


def _shaped(message: Message, korean: Text) -> Text:
    """Korean has one plural form: a tuple of one for a plural message, a text otherwise."""
    text = korean[0] if isinstance(korean, list | tuple) else korean
    return (text or "",) if isinstance(message.id, list | tuple) else text


def _borrow(app: str, message: Message) -> Text:
    for other in apps():
        if other == app:
            continue
        theirs = messages(read(other)).get(key(message))
        if theirs is not None and is_translated(theirs):
            return theirs.string
    return ""


def _write(app: str, catalog: Catalog) -> None:
    buffer = io.BytesIO()
    write_po(
        buffer,
        catalog,
        width=96,
        no_location=True,
        omit_header=True,
        sort_output=True,
        include_previous=False,
    )
    path = po_path(app)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + buffer.getvalue().decode().lstrip("\n"))


def compiled(app: str) -> bytes:
    """The bytes of the app's .mo."""
    catalog = read(app)
    catalog.creation_date = catalog.revision_date = NO_DATE
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def compile_app(app: str) -> bool:
    """Write the .mo beside the .po; True when it changed."""
    if not po_path(app).exists():
        return False
    target, fresh = po_path(app).with_suffix(".mo"), compiled(app)
    if target.exists() and target.read_bytes() == fresh:
        return False
    target.write_bytes(fresh)
    return True


def problems(app: str) -> list[str]:
    """Everything wrong with the app's catalogue, in words; empty when it is whole."""
    stored, wanted = messages(read(app)), messages(collect(app))
    found = [f"{app}: no Korean for {this[0]!r}" for this in wanted if this not in stored]
    for this, message in stored.items():
        if not is_translated(message):
            found.append(f"{app}: no Korean for {this[0]!r}")
        elif _placeholders(message.id) != _placeholders(message.string):
            found.append(f"{app}: other placeholders in the Korean of {this[0]!r}")
    if po_path(app).exists():
        mo = po_path(app).with_suffix(".mo")
        if not mo.exists() or mo.read_bytes() != compiled(app):
            found.append(f"{app}: django.mo is not compiled from django.po")
    return sorted(set(found))


def _placeholders(text: object) -> set[str]:
    """Names between %( and ) with their types, and bare ones, of a message or all its forms."""
    parts: Iterable[object] = text if isinstance(text, list | tuple) else [text]
    return {mark for part in parts for mark in re.findall(r"%\(\w+\)[a-z0-9.]|%[sd]", str(part))}


def double_names() -> list[str]:
    """Sentences that have different Korean in different apps: one thing needs one name."""
    seen: dict[Key, Counter[str]] = {}
    for app in apps():
        for this, message in messages(read(app)).items():
            if is_translated(message):
                seen.setdefault(this, Counter())[str(message.string)] += 1
    return sorted(f"{this[0]!r}: {list(words)}" for this, words in seen.items() if len(words) > 1)
