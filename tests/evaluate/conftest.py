from tests.estimators.made_up_fixtures import *  # noqa: F403
