"""Masks move with their images, and a mask that did not is found."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.base.errors import StoreError
from mmaq.transfer.rasters import check_masks
from mmaq.transfer.scenes import band_statistics, load_scenes, resize, turn_together
from mmaq.transfer.stage import plants as prepare_plants
from mmaq.transfer.store import open_plant_store
from tests.transfer.published import Folder, box, plume_image


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_masks_turn_with_their_images(seed):
    generator = torch.Generator().manual_seed(seed)
    masks = (torch.rand(6, 1, 9, 9, generator=generator) < 0.3).float()
    images = masks * torch.arange(1.0, 13.0)[:, None, None]
    turned, moved = turn_together(images, masks, generator)
    assert torch.equal(turned, moved * torch.arange(1.0, 13.0)[:, None, None])
    assert torch.equal(moved.sum((1, 2, 3)), masks.sum((1, 2, 3)))


def test_all_eight_orientations_come():
    corner = torch.zeros(400, 1, 4, 4)
    corner[:, :, 0, 1] = 1
    _, moved = turn_together(
        corner.expand(-1, 12, -1, -1), corner, torch.Generator().manual_seed(0)
    )
    assert len({tuple(mask.flatten().tolist()) for mask in moved}) == 8


def test_statistics_are_those_of_the_given_scenes():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 5000, (6, 12, 8, 8)).astype(np.uint16)
    images[4:] = 60_000
    mean, sd = band_statistics(images, np.arange(4))
    np.testing.assert_allclose(mean, images[:4].mean(axis=(0, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(sd, images[:4].std(axis=(0, 2, 3)), rtol=1e-5)
    scenes = load_scenes(images, np.ones((6, 8, 8), np.uint8), (mean, sd), 4)
    assert scenes.images.shape == (6, 12, 4, 4)
    assert torch.equal(scenes.masks, torch.ones(6, 1, 4, 4))


def test_a_smaller_mask_holds_shares_of_the_plume():
    mask = torch.zeros(1, 1, 120, 120)
    mask[:, :, 30:60, 30:90] = 1
    assert torch.isclose(resize(mask, 64).mean(), mask.mean(), atol=1e-3)


def test_sound_masks_pass(plant_store):
    store = open_plant_store(plant_store)
    assert check_masks(store.images, store.masks, "here") == 1.0


@pytest.mark.parametrize("axes", [(1,), (2,), (1, 2)])
def test_flipped_masks_are_found(plant_store, axes):
    store = open_plant_store(plant_store)
    with pytest.raises(StoreError, match=r"here: only 0% of 32 masks fit"):
        check_masks(store.images, np.flip(store.masks, axes), "here")


def test_images_that_were_flipped_at_random_without_their_masks_are_found(plant_store):
    """The fault of the released training code."""
    store, rng = open_plant_store(plant_store), np.random.default_rng(0)
    images = np.array(store.images)
    for axis in (1, 2):
        chosen = rng.uniform(size=len(images)) < 0.5
        images[chosen] = np.flip(images[chosen], axis + 1)
    with pytest.raises(StoreError, match="masks fit their image better"):
        check_masks(images, store.masks, "here")


def test_what_augmentation_makes_is_sound(plant_store):
    store = open_plant_store(plant_store)
    images, masks = torch.tensor(store.images.astype(float)), torch.tensor(store.masks)[:, None]
    turned, moved = turn_together(images, masks.double(), torch.Generator().manual_seed(1))
    assert check_masks(turned.numpy(), moved[:, 0].numpy(), "here") == 1.0


def test_a_folder_with_flipped_outlines_is_refused(tmp_path):
    folder, rng = Folder(tmp_path / "published"), np.random.default_rng(1)
    for number in range(10):
        ring = box(10 + number, 10, 40 + number, 30)
        upside_down = [[x, 100 - y] for x, y in ring]
        folder.add(f"P{number}", plume_image(rng, ring), [upside_down])
    with pytest.raises(StoreError, match="only 0% of 10 masks"):
        prepare_plants(scenes=folder.finish(), out=tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_too_few_masks_say_nothing():
    assert check_masks(np.zeros((2, 12, 8, 8)), np.zeros((2, 8, 8)), "here") is None
