"""Lists that come in pages: all of them, or a fault; a service may repeat a page for ever."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from mmaq.base.errors import ServiceError

Place = TypeVar("Place")


def every_page(
    where: str,
    kind: str,
    first: Place,
    ask: Callable[[Place], Any],
    read: Callable[[Any, Place], tuple[set[str], Place | None, int | None]],
) -> Iterator[Any]:
    """Every page of a list of ``kind``, to the one that names no next.

    ``ask`` gives the page at a place, from ``first`` on. ``read`` tells of a page the ids on it,
    the place of the next, and how many entries the service says there are on all pages.

    Raises:
        ServiceError: a page repeats, is no page, or fewer come than the first says there are.
    """
    remedy = "Run the same command later"
    following: Place | None = first
    asked: set[str] = set()
    known: set[str] = set()
    there: int | None = None
    while following is not None:
        name = f"page {len(asked) + 1} of the list"
        key = json.dumps(following, sort_keys=True)
        ids: set[str] = set()
        if key not in asked:
            page = ask(following)
            try:
                ids, following, stated = read(page, following)
            except (AttributeError, KeyError, TypeError):
                raise ServiceError(where, f"{name} is no page of {kind}", remedy) from None
        if key in asked or (ids and ids <= known):
            raise ServiceError(where, f"{name} repeats an earlier one", remedy)
        asked.add(key)
        known |= ids
        there = stated if there is None else there
        yield page
    if there is not None and len(known) < there:
        fault = f"lists {len(known)} items where it says it has {there}"
        raise ServiceError(where, fault, remedy)
