"""Barlow Twins on all three modalities at once."""

from __future__ import annotations

from mmaq.learn.methods.barlow_twins import BarlowTwins


class BarlowTwinsMultimodal(BarlowTwins):
    """Barlow Twins on the joined embeddings of Sentinel-2, Sentinel-5P and the table.

    Zbontar et al. (ICML 2021, arXiv:2103.03230), taken to a site that has three modalities: the
    three embeddings are concatenated, one projector stands on the whole, and the loss sees two
    views of the site. No term knows of a modality, so nothing keeps one from doing all the work,
    which is what MMAQ's terms are to prevent. The MMAQ authors' "MM-Barlow" is another method: by
    default the released code of it has NT-Xent terms for images and table apart, and no term across
    modalities.
    """

    modalities = ("s2", "s5p", "table")
