"""The simulated satellites: they see the world's cover and column, never a label."""

from mmaq.simulate.sensors.sentinel2 import write_sentinel2
from mmaq.simulate.sensors.sentinel5p import write_sentinel5p

__all__ = ["write_sentinel2", "write_sentinel5p"]
