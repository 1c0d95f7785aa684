"""The simulated country, version 1: its land, its people, its air."""

from mmaq.simulate.world.cover import COVER
from mmaq.simulate.world.make import make_world
from mmaq.simulate.world.world import World

__all__ = ["COVER", "World", "make_world"]
