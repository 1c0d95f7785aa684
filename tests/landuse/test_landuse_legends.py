"""Which class a code of land cover stands for, and whose code it is."""

import pytest

from mmaq.base.errors import ProductError
from mmaq.landuse.legends import (
    CLASSES,
    CORINE,
    CORINE_GRID,
    LEGENDS,
    MANMADE,
    NATURE,
    choose_legend,
)


def test_legends_cover_their_products():
    assert len(CORINE) == len(CORINE_GRID) == 45
    assert (CORINE_GRID[1], CORINE_GRID[44], CORINE_GRID[23]) == ("built", "water", "forest")
    for legend in LEGENDS.values():
        assert set(legend.values()) <= set(CLASSES)
    assert set(NATURE) | set(MANMADE) | {"bare"} == set(CLASSES)
    assert choose_legend(None, [10, 50, 95], "c.tif") == "worldcover"
    assert choose_legend(None, [112, 512], "c.tif") == "corine"
    assert choose_legend(None, [1, 23, 40], "c.tif") == "corine-grid"
    assert choose_legend("corine-grid", [10, 40], "c.tif") == "corine-grid"
    with pytest.raises(ProductError, match="the codes 112 are not of legend 'worldcover'"):
        choose_legend("worldcover", [112], "c.tif")


def test_codes_of_two_legends_are_asked_about():
    for codes in ([20], [10, 40], [30, 0]):
        with pytest.raises(ProductError, match="may be of the legends worldcover and corine-grid"):
            choose_legend(None, codes, "c.tif")
        assert choose_legend("worldcover", codes, "c.tif") == "worldcover"
    assert choose_legend(None, [20, 21], "c.tif") == "corine-grid"
    assert choose_legend(None, [10, 50], "c.tif") == "worldcover"


def test_codes_without_a_class_tell_no_legend():
    assert choose_legend(None, [1, 48, 128, 255, -128], "c.tif") == "corine-grid"
    assert choose_legend(None, [112, 990, 995, 999], "c.tif") == "corine"
    assert choose_legend(None, [50, 0], "c.tif") == "worldcover"
    assert choose_legend(None, [], "c.tif") == "worldcover"
