"""Which stored articles a retracted article is about, so that all of them are marked."""

from __future__ import annotations

from konkyo.index.records import Article
from konkyo.index.stores.base import Readable

__all__ = ["about_the_same"]


def about_the_same(store: Readable, retracted: Article, *, alone: bool) -> list[str]:
    """Return the identifiers of the stored articles that a retracted article is about.

    They are those at its address that another source holds. Of one without a text they are all at
    its address, else those of its title in its source, else the only one there where it is
    ``alone`` in its document. Raises StoreError.
    """
    source = retracted.source
    found = store.found_at(retracted.url) if retracted.url else []
    if retracted.text.strip():
        # An earlier version that this source alone holds is replaced.
        return [name for name in found if {*store.article(name).sources} - {source}]
    if found:
        return found
    here = store.summaries(store.found_at(source))
    titled = [one.article_id for one in here if one.title == retracted.title]
    if titled or not alone or len(here) != 1 or (here[0].url and retracted.url):
        return titled
    return [here[0].article_id]
