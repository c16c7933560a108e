"""What every store must do, as tests; for stores and schedulers of one's own. See docs/testing.md.

In a test file, with pytest and pytest-asyncio (`asyncio_mode = auto`):

    from tinyflow_nb.testing.contract.stores import *

    @pytest.fixture
    def store_factory():
        return lambda clock: MyStore(clock)

and likewise `contract.schedulers` with a `scheduler_factory`.
"""

from __future__ import annotations

import pkgutil

from tinyflow_nb.errors import MissingExtra

try:
    import pytest
except ModuleNotFoundError:
    raise MissingExtra("the contract suite", "testing") from None

pytest.register_assert_rewrite(*(module.name for module in pkgutil.iter_modules(__path__, f"{__name__}.")))
