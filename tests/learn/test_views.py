from __future__ import annotations

import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from mmaq.config.learning import Encoders, Views
from mmaq.learn.views import (
    GROUPS,
    Draws,
    blur,
    corrupt_table,
    draw_crop,
    draw_symmetry,
    drop_bands,
    fit_size,
    gray,
    jitter,
    make_views,
    orientations,
    resample,
    turn,
)

STILL = Views(
    weak=0, crop_min=1, flip=0, rotate=0, jitter=0, blur=0, drop_bands=0, gray=0, corrupt=0
)
EVERY_STEP = Views(crop_min=0.4, jitter=0.8, blur=0.3, drop_bands=0.3, gray=0.2)
ENCODERS = Encoders(s2_input=16, s5p_input=16)


def draws(size, seed=3, part=slice(None)):
    return Draws(torch.Generator().manual_seed(seed), size, part)


def batch(size=64, side=16):
    table = torch.zeros(size, 16)
    table[:, :2] = torch.randn(size, 2)
    table[:, 2:5] = torch.eye(3)[torch.randint(0, 3, (size,))]
    known = torch.rand(size) < 0.5
    table[known, 5:8] = torch.eye(3)[torch.randint(0, 3, (int(known.sum()),))]
    table[~known, 13:16] = 1.0
    return {
        "s2": torch.randn(size, 12, side, side),
        "s5p": torch.randn(size, 1, 16, 16),
        "table": table,
    }


def test_eight_symmetries_equal_those_of_torch():
    image = torch.arange(9.0).reshape(1, 1, 3, 3)
    all_bits = torch.tensor([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)]).bool()
    found = turn(image.expand(8, 1, 3, 3), all_bits)
    expected = [torch.rot90(side, k, (2, 3)) for side in (image, image.flip(3)) for k in range(4)]
    assert {tuple(x.flatten().tolist()) for x in found} == {
        tuple(x.flatten().tolist()) for x in expected
    }


def test_symmetries_are_drawn_with_their_probabilities():
    none = draw_symmetry(draws(1000), 0.0, 0.0)
    assert not none.any()
    image = torch.arange(4.0).reshape(1, 1, 2, 2).expand(8000, 1, 2, 2)
    turned = turn(image, draw_symmetry(draws(8000), 0.0, 0.6))
    for k in (1, 2, 3):
        equal = (turned == torch.rot90(image, k, (2, 3))).flatten(1).all(1)
        share = equal.float().mean().item()
        assert share == pytest.approx(0.2, abs=0.02)


def test_both_images_of_a_view_share_their_geometry():
    views = STILL.model_copy(update={"flip": 0.5, "rotate": 0.75})
    data = batch()
    data["s2"] = data["s5p"].expand(-1, 12, -1, -1)
    first, second = make_views(data, views, ENCODERS, draws(64))
    for view in (first, second):
        for band in (0, 11):
            torch.testing.assert_close(view["s2"][:, band], view["s5p"][:, 0], atol=1e-4, rtol=1e-4)
    assert not torch.equal(first["s5p"], second["s5p"])
    moved = (first["s5p"] != data["s5p"]).flatten(1).any(1)
    assert 0 < moved.sum() < len(moved)


@pytest.mark.parametrize("aligned", [True, False])
def test_images_of_the_same_ground_share_their_crop(aligned):
    views = STILL.model_copy(update={"crop_min": 0.3})
    data = batch()
    data["s2"] = data["s5p"].expand(-1, 12, -1, -1)
    view, _ = make_views(data, views, ENCODERS, draws(64), aligned)
    assert torch.allclose(view["s2"][:, :1], view["s5p"], atol=1e-4) == aligned
    assert torch.allclose(view["s5p"], data["s5p"], atol=1e-4) != aligned


def test_nothing_changes_where_every_probability_is_zero():
    data = batch()
    for view in make_views(data, STILL, ENCODERS, draws(64)):
        for name, values in view.items():
            torch.testing.assert_close(values, data[name], atol=1e-5, rtol=1e-5)


def test_views_depend_on_what_is_drawn_alone():
    data = batch()
    pairs = [make_views(data, EVERY_STEP, ENCODERS, draws(64, seed)) for seed in (1, 1, 2)]
    for name in data:
        assert torch.equal(pairs[0][1][name], pairs[1][1][name])
        assert not torch.equal(pairs[0][1][name], pairs[2][1][name])


def test_weak_samples_of_view_0_get_the_geometry_alone():
    views = STILL.model_copy(update={"weak": 1.0, "jitter": 1.0, "blur": 1.0, "corrupt": 1.0})
    data = batch()
    first, second = make_views(data, views, ENCODERS, draws(64))
    torch.testing.assert_close(first["s2"], data["s2"], atol=1e-5, rtol=1e-5)
    assert torch.equal(first["table"], data["table"])
    assert not torch.allclose(second["s2"], data["s2"], atol=0.1)
    assert not torch.equal(second["table"], data["table"])


def test_jitter_has_parameters_of_each_sample_and_band_and_clips_nothing():
    ones = torch.ones(500, 12, 2, 2) * torch.tensor([-30.0, 30.0])
    chosen = torch.rand(500) < 0.5
    result = jitter(ones, chosen, 0.2, draws(500))
    assert torch.equal(result[~chosen], ones[~chosen])
    gain = (result[..., 1] - result[..., 0])[chosen, :, 0] / 60
    offset = (result[..., 1] + result[..., 0])[chosen, :, 0] / 2
    for noise in (gain - 1, offset):
        assert noise.std().item() == pytest.approx(0.2, rel=0.1)
        assert len(noise.unique()) > 0.99 * noise.numel()
    assert result.max() > 31


def test_blur_works_in_space_and_not_across_bands():
    image = torch.zeros(2, 3, 17, 17)
    image[:, 1, 8, 8] = 1.0
    result = blur(image, torch.tensor([True, False]), draws(2, 0))
    assert torch.equal(result[1], image[1])
    assert not result[0, [0, 2]].any()
    assert result[0, 1].sum().item() == pytest.approx(1.0, abs=1e-5)
    assert result[0, 1, 8, 8] < 1
    torch.testing.assert_close(result[0, 1], result[0, 1].T)
    flat = torch.full((4, 2, 9, 9), 5.0)
    torch.testing.assert_close(blur(flat, torch.ones(4).bool(), draws(4)), flat)


@pytest.mark.parametrize("side", [5, 16, 33])
def test_blur_equals_scipys(side):
    image = torch.randn(6, 3, side, side)
    found = blur(image, torch.ones(6).bool(), draws(6))
    for sample, sigma in enumerate((0.1 + 1.9 * draws(6).uniform()).tolist()):
        expected = image[sample].numpy()
        for axis in (1, 2):
            expected = gaussian_filter1d(expected, sigma, axis, mode="nearest", radius=4)
        torch.testing.assert_close(found[sample], torch.from_numpy(expected), rtol=1e-4, atol=1e-5)


def test_blur_differs_between_samples():
    image = torch.zeros(64, 1, 17, 17)
    image[:, 0, 8, 8] = 1.0
    peaks = blur(image, torch.ones(64).bool(), draws(64))[:, 0, 8, 8]
    assert len(peaks.round(decimals=5).unique()) > 40


def test_drop_bands_drops_one_to_eight_of_the_chosen():
    chosen = torch.arange(400) % 2 == 0
    result = drop_bands(torch.ones(400, 12, 2, 2), chosen, draws(400))
    dropped = (result == 0).flatten(2).all(2).sum(1)
    assert not dropped[~chosen].any()
    assert set(dropped[chosen].tolist()) == set(range(1, 9))


def test_gray_is_the_mean_over_bands():
    image = torch.randn(2, 12, 4, 4)
    result = gray(image, torch.tensor([True, False]))
    torch.testing.assert_close(result[0], image[0].mean(0).expand(12, 4, 4))
    assert torch.equal(result[1], image[1])


def test_crops_lie_inside_and_have_their_area():
    box = draw_crop(draws(2000), 0.3)
    assert ((box[:, :2].abs() + box[:, 2:]) <= 1 + 1e-6).all()
    area, ratio = box[:, 2] * box[:, 3], box[:, 2] / box[:, 3]
    assert area.min() >= 0.3 - 1e-6
    assert ratio.min() >= 0.749
    assert ratio.max() <= 1.334
    assert len(area.unique()) > 1900


def test_resample_of_a_quarter_gives_that_quarter():
    image = torch.randn(2, 3, 8, 8)
    box = torch.tensor([[-0.5, -0.5, 0.5, 0.5], [0.5, -0.5, 0.5, 0.5]])
    result = resample(image, box, 4)
    torch.testing.assert_close(result[0], image[0, :, :4, :4])
    torch.testing.assert_close(result[1], image[1, :, :4, 4:])


def test_one_hot_groups_stay_one_hot_and_carry_their_flags():
    table = batch(500)["table"]
    result = corrupt_table(table, 0.5, draws(500))
    changed = (result != table).any(1)
    assert 0.4 < changed.float().mean() < 1.0
    for group in GROUPS[2:]:
        values, flags = result[:, group], result[:, [8 + k for k in group]]
        missing = flags[:, 0] == 1
        assert (flags == flags[:, :1]).all()
        assert (values.sum(1) == (~missing).float()).all()
        assert ((values == 0) | (values == 1)).all()


def test_redrawn_values_come_from_other_rows_of_the_batch():
    table = torch.randn(50, 16)
    result = corrupt_table(table, 1.0, draws(50))
    for column in range(8):
        assert not (result[:, column] == table[:, column]).any()
        assert torch.isin(result[:, column], table[:, column]).all()


def test_fit_size_resamples_images_alone():
    assert fit_size("s2", torch.ones(1, 12, 20, 20), ENCODERS).shape == (1, 12, 16, 16)
    assert fit_size("table", torch.ones(1, 16), ENCODERS).shape == (1, 16)


def test_views_are_made_in_single_precision_under_autocast():
    data = batch(8)
    pairs = []
    for enabled in (True, False):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            pairs.append(make_views(data, EVERY_STEP, ENCODERS, draws(8)))
    for inside, outside in zip(*pairs, strict=True):
        assert all(torch.equal(inside[name], outside[name]) for name in data)


@pytest.mark.parametrize("processes", [2, 4])
def test_views_do_not_depend_on_how_many_processes_share_the_batch(processes):
    data = batch(32)
    whole = make_views(data, Views(gray=0.3), ENCODERS, draws(32))
    each = 32 // processes
    for rank in range(processes):
        mine = slice(rank * each, (rank + 1) * each)
        local = {name: x if name == "table" else x[mine] for name, x in data.items()}
        part = make_views(local, Views(gray=0.3), ENCODERS, draws(32, part=mine))
        for view, of_all in zip(part, whole, strict=True):
            for name, values in view.items():
                torch.testing.assert_close(values, of_all[name][mine], rtol=1e-6, atol=1e-6)


def test_views_are_made_of_the_modalities_at_hand():
    data = batch()
    for names in (("s2",), ("s5p",), ("table",), ("s2", "table")):
        pair = make_views({name: data[name] for name in names}, EVERY_STEP, ENCODERS, draws(64))
        for view in pair:
            assert set(view) == set(names)


def test_by_default_images_are_flipped_and_turned_and_nothing_else():
    """Whole patches, made smaller as the evaluation makes them."""
    data = batch(8, side=40)
    small = fit_size("s2", data["s2"], ENCODERS)
    symmetries = [one.expand(8, 3) for one in orientations()]
    for view in make_views(data, Views(), ENCODERS, draws(8), aligned=True):
        for name, images in (("s2", small), ("s5p", data["s5p"])):
            turned = torch.stack([turn(images, one) for one in symmetries])
            assert (turned == view[name]).flatten(2).all(dim=2).any(dim=0).all()
