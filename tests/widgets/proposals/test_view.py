"""Outlines of proposals, without a window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from napari.components import ViewerModel

from napari_sam.session import Object
from napari_sam.widgets.layers.outlines import outlines
from napari_sam.widgets.proposals.view import ProposalView


def test_a_proposal_when_the_next_window_shows_the_rest_of_it_then_all_of_it_is_outlined() -> None:
    viewer = ViewerModel()
    view = ProposalView(viewer, viewer.add_labels(np.zeros((60, 80), np.int32)), lambda _: None)
    part = Object(1, (), (10, 20), np.ones((12, 10), bool), score=0.9)
    for each in (part, replace(part, mask=np.ones((12, 30), bool))):
        view.hold({each.key: outlines(each.mask, each.origin)})
        view.show([each, replace(each, id=2, plane=(3,))], each, 0.7, ())
        for name in ("Proposals", "Current proposal"):
            corners = viewer.layers[name].data[:, 0]
            assert np.ptp(corners, axis=0).tolist() == list(each.mask.shape)
    view.close()
