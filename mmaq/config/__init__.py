"""The configuration: a schema, its defaults, and the files made from them."""

from mmaq.config.load import check_config, load_config
from mmaq.config.schema import Config

__all__ = ["Config", "check_config", "load_config"]
