"""Granules into an accumulator, one at a time: read ahead in threads, broken ones left out."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from tqdm import tqdm

from mmaq.archive import Asset
from mmaq.config.data import Grid
from mmaq.errors import MmaqError
from mmaq.sentinel5p.accumulator import Accumulator
from mmaq.sentinel5p.granule import Footprints
from mmaq.sentinel5p.reader import read_granule

log = logging.getLogger(__name__)
Reading = Callable[[], Footprints]
"""Gives a granule's footprints, or raises its fault."""


def accumulate(sources: Sequence[Asset], config: Grid, sums: Accumulator, workers: int = 1) -> None:
    """Add granules to ``sums`` in their order, so that the result is that of any ``workers``.

    A broken granule is left out and noted in ``sums.broken``, unless ``config.strict``.

    Raises:
        MmaqError: ``config.strict``, and a granule is broken; its fault.
    """
    sums.load_kernel()
    ahead = _read_ahead(sources, config, workers) if workers > 1 else _read_each(sources, config)
    for source, read in zip(tqdm(sources, "granules", disable=None), ahead, strict=True):
        try:
            sums.add(read())
        except MmaqError as error:
            if config.strict:
                raise
            log.warning("refused: %s", error)
            sums.broken[source.path.name] = f"{error.fault}. {error.remedy}"


def _read_each(sources: Sequence[Asset], config: Grid) -> Iterator[Reading]:
    for source in sources:
        yield partial(_read, source, config)


def _read_ahead(sources: Sequence[Asset], config: Grid, workers: int) -> Iterator[Reading]:
    """At most one granule more than ``workers`` is held at a time."""
    with ThreadPoolExecutor(workers, "granule") as pool:
        ahead: deque[Future[Footprints]] = deque()
        try:
            for source in sources:
                ahead.append(pool.submit(_read, source, config))
                if len(ahead) > workers:
                    yield ahead.popleft().result
            while ahead:
                yield ahead.popleft().result
        finally:
            for reading in ahead:
                reading.cancel()


def _read(source: Asset, config: Grid) -> Footprints:
    source.verify()
    return read_granule(source.path, config, source.sha256 or "")
