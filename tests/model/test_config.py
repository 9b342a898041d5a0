from __future__ import annotations

import json

import pytest

from napari_sam.model import CONFIGS, SamConfig


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_config_when_written_as_json_and_read_back_then_is_equal(config: SamConfig) -> None:
    assert SamConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
