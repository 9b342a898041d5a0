"""What tells three candidates apart on the image, beside their colours."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.utils.colormaps.standardize_color import transform_color

from napari_sam.predict import Predictor, Prompts
from napari_sam.session.offer import COLOURS, Offer
from napari_sam.weights import LoadedModel
from napari_sam.widgets.candidate_view import CandidateView
from napari_sam.widgets.keyboard import Keyboard
from napari_sam.widgets.keymap import Keymap
from napari_sam.widgets.outlines import outlines
from napari_sam.widgets.planes import camera_of


def test_three_candidates_then_are_solid_dashed_and_dotted_and_named_in_their_colours(
    discs: LoadedModel,
) -> None:
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((60, 80), np.uint8))
    view = CandidateView(viewer, image, Keyboard(Keymap()))
    camera_of(viewer).zoom = 20
    predictor = Predictor(discs)
    candidates = predictor.predict(predictor.embed(image.data), Prompts([(30, 40)], [1]))
    offer = Offer(candidates, candidates.best)
    view.show(offer, ())
    drawn, pieces = [], []
    for number, index in enumerate(offer.shown):
        colour = transform_color(COLOURS[number])[0]
        mine = np.isclose(view.outlines.edge_color, colour, atol=1e-3).all(axis=1)
        around = [np.diff(path, axis=0) for path in outlines(candidates.items[index].mask, (0, 0))]
        whole = sum(np.hypot(*steps.T).sum() for steps in around)
        drawn.append(float(np.hypot(*view.outlines.data[mine, 1].T).sum() / whole))
        pieces.append(mine.sum() / whole)
    assert np.allclose(drawn, [1, 10 / 15, 3 / 7], atol=0.06)
    assert pieces[2] > pieces[1]  # dots are shorter than dashes
    names = view.captions.features["caption"].tolist()[-3:]
    assert [name.split()[0] for name in names] == ["1", "2", "3"]
    assert view.captions.features["colour"].tolist()[-3:] == list(COLOURS)
    view.close()
