from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam.errors import ImageError
from napari_sam.predict import Predictor
from napari_sam.predict.image import PALETTES, to_rgb, to_rgb_as
from napari_sam.predict.window import whole_plane
from napari_sam.session import embeddings
from napari_sam.session.channels import COLOURS, NONE, Channel, Mix, channel_axis, suggested_colours
from napari_sam.session.embeddings import EmbeddingStore
from napari_sam.session.opening import Opener
from napari_sam.weights import LoadedModel

PIXELS = np.random.default_rng(0).integers(0, 4000, (30, 40, 8)).astype(np.uint16)
CHANNELS = st.lists(
    st.builds(
        Channel,
        st.integers(0, 7),
        st.sampled_from(sorted(COLOURS)),
        st.floats(0.01, 1, allow_subnormal=False),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda each: each.source,
)


@settings(max_examples=60, deadline=None)
@given(CHANNELS)
def test_channels_when_mixed_then_pixels_are_in_range_and_the_record_repeats_them(
    channels: list[Channel],
) -> None:
    mix = Mix(tuple(channels), axis=1)
    seen = PIXELS[..., list(mix.places)]
    pixels, record = to_rgb(seen, colours=mix.colours)
    noted = mix.noted(record)
    assert pixels.shape == (3, 30, 40)
    assert 0 <= pixels.min() <= pixels.max() <= 255
    assert (noted.channels, noted.channel_axis) == (tuple(each.source for each in channels), 1)
    json.dumps(noted.to_dict(), allow_nan=False)
    again = to_rgb_as(PIXELS[5:20, 3:9][..., list(noted.channels)], noted)
    assert np.array_equal(again, pixels[:, 5:20, 3:9])


def test_a_channel_of_one_colour_then_is_nowhere_else() -> None:
    red, _ = to_rgb(PIXELS[..., :1], colours=[COLOURS["red"]])
    grey, _ = to_rgb(PIXELS[..., 0])
    assert np.array_equal(red[0], grey[0])
    assert not red[1:].any()
    half, _ = to_rgb(PIXELS[..., :1], colours=Mix((Channel(0, "grey", 0.5),), 0).colours)
    assert np.allclose(half, grey / 2)


def test_8_bit_channels_in_colours_of_choice_then_have_percentiles_of_their_own() -> None:
    faint = np.stack([np.arange(256), np.arange(256) // 16, np.zeros(256)], axis=-1).astype(np.uint8)
    image = np.tile(faint, (64, 1, 1))
    together, _ = to_rgb(image)
    each, record = to_rgb(image, colours=PALETTES[3])
    assert together[1].max() < 20
    assert each[1].max() == 255
    assert len(set(record.high)) == 3


def test_colours_that_do_not_fit_the_channels_then_one_sentence_says_so() -> None:
    with pytest.raises(ImageError, match="8 channels"):
        to_rgb(PIXELS, colours=PALETTES[3])
    with pytest.raises(ImageError, match="give one each"):
        to_rgb(PIXELS[..., :2], colours=PALETTES[3])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Mix(()), "sees no channel"), (lambda: Mix((Channel("a"),), axis=0), "either"),
        (lambda: Mix((Channel(1),)), "either"), (lambda: Channel(0, "mauve"), "unknown"),
        (lambda: Channel(0, "red", 0), "weight"), (lambda: Channel(0, "red", 1.5), "weight"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_as_a_mix_then_one_sentence_says_so(make: object, sentence: str) -> None:
    with pytest.raises(ImageError, match=sentence):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("labels", "axis"),
    [
        (("t", "c", "z", "y", "x"), 1), (("Channel", "z", "t", "y", "x"), 0),
        (("z", "t", "p", "c", "x"), None), (("-5", "-4", "-3", "-2", "-1"), None),
    ],
)  # fmt: skip
def test_names_of_axes_then_tell_the_channels_before_rows_and_columns(
    labels: tuple[str, ...], axis: int | None
) -> None:
    assert channel_axis(labels, (2, 3, 4, 5, 6)) == axis


def test_colours_to_begin_with_then_are_one_a_channel_and_three_at_most() -> None:
    assert [suggested_colours(count) for count in (1, 2)] == [("grey",), ("green", "magenta")]
    assert suggested_colours(5) == ("red", "green", "blue", NONE, NONE)


def test_the_same_channels_in_other_colours_then_have_another_embedding(
    tmp_path: Path, discs: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "worth_storing", lambda *_: True)
    store, predictor = EmbeddingStore(tmp_path), Predictor(discs)
    window = whole_plane((30, 40))
    mixes = [
        Mix((Channel(2, first), Channel(5, second)), 0)
        for first, second in (("red", "grey"), ("grey", "red"))
    ]
    opened = []
    for mix in (*mixes, *mixes):
        opener = Opener(store, mix)
        opened.append(opener.embed(predictor, lambda _, mix=mix: PIXELS[..., list(mix.places)], window))
        assert store.has(predictor, PIXELS[..., list(mix.places)], mix)
    assert len(list(tmp_path.iterdir())) == 2
    assert [each.embedding.normalization.channels for each in opened] == [(2, 5)] * 4
    assert not np.array_equal(opened[0].picture, opened[1].picture)
    assert np.array_equal(opened[0].picture, opened[2].picture)
