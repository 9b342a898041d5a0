"""Which architecture weights belong to, by their keys and shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from napari_sam.errors import WeightsError
from napari_sam.model import (
    CELL_TINY,
    CONFIGS,
    ConvConfig,
    DecoderConfig,
    SamConfig,
    TinyViTConfig,
    ViTConfig,
)


def recognise(state: Mapping[str, Tensor], name: str = "The file") -> SamConfig:
    """Tell the architecture from the keys and shapes of its weights.

    Raises
    ------
    WeightsError
        If it is none that we know.
    """
    try:
        config = next((kind for key, kind in KINDS.items() if key in state), _conv)(state)
    except (KeyError, ValueError, IndexError, TypeError, ZeroDivisionError) as error:
        reason = f"it has no {error.args[0]}" if isinstance(error, KeyError) else "its shapes are unusual"
        raise WeightsError(
            f"{name} is a Segment Anything variant whose architecture is not known here ({reason});"
            " choose a ViT-T (MobileSAM), ViT-B, ViT-L, ViT-H or cell-tiny checkpoint."
        ) from error
    known = [k for k in CONFIGS.values() if replace(k, name=config.name) == config]
    return known[0] if known else config


def _vit(state: Mapping[str, Tensor]) -> SamConfig:
    size, width = state["image_encoder.pos_embed"].shape[1:3][0], state["image_encoder.pos_embed"].shape[3]
    patch = state["image_encoder.patch_embed.proj.weight"].shape[-1]
    depth = _count(state, "image_encoder.blocks.")
    tables = [state[f"image_encoder.blocks.{i}.attn.rel_pos_h"] for i in range(depth)]
    sides = [(len(table) + 1) // 2 for table in tables]
    windows = [side for side in sides if side != size]
    encoder = ViTConfig(
        depth=depth,
        width=width,
        heads=width // tables[0].shape[1],
        global_blocks=tuple(i for i, side in enumerate(sides) if side == size),
        window=windows[0] if windows else 14,
        patch=patch,
    )
    return _with_decoder(SamConfig("vit", encoder, image_size=size * patch), state)


def _tiny_vit(state: Mapping[str, Tensor]) -> SamConfig:
    stages = [f"image_encoder.layers.{i}." for i in range(4)]
    widths = [state[f"{stage}downsample.conv1.c.weight"].shape[1] for stage in stages[:3]]
    biases = [state[f"{stage}blocks.0.attn.attention_biases"].shape for stage in stages[1:]]
    encoder = TinyViTConfig(
        widths=(*widths, state["image_encoder.neck.0.weight"].shape[1]),  # type: ignore[arg-type]  # four
        depths=tuple(_count(state, f"{stage}blocks.") for stage in stages),  # type: ignore[arg-type]  # four
        heads=tuple(heads for heads, _ in biases),  # type: ignore[arg-type]  # three
        windows=tuple(math.isqrt(distances) for _, distances in biases),  # type: ignore[arg-type]  # three
    )
    return _with_decoder(SamConfig("vit", encoder), state)


def _conv(state: Mapping[str, Tensor]) -> SamConfig:
    stages = [f"image_encoder.stages.{i}." for i in range(5)]
    widths = tuple(state[f"{stage}0.0.weight"].shape[0] for stage in stages)
    # a stage is a strided convolution, an activation without weights, then blocks
    depths = tuple(_count(state, stage) - 1 for stage in stages)
    encoder = ConvConfig(widths, depths)  # type: ignore[arg-type]  # five each
    return _with_decoder(replace(CELL_TINY, name="conv", encoder=encoder), state)


def _with_decoder(config: SamConfig, state: Mapping[str, Tensor]) -> SamConfig:
    upscaling = "mask_decoder.output_upscaling."
    decoder = DecoderConfig(
        depth=_count(state, "mask_decoder.transformer.layers."),
        mlp=state["mask_decoder.transformer.layers.0.mlp.lin1.weight"].shape[0],
        upscale_channels=(state[f"{upscaling}0.weight"].shape[1], state[f"{upscaling}3.weight"].shape[1]),
        iou_hidden=state["mask_decoder.iou_prediction_head.layers.0.weight"].shape[0],
        quality_hidden=len(state.get("mask_decoder.mask_quality.inside.weight", ())),
    )
    rating = state.get("candidate_rating.each.weight")
    return replace(
        config,
        rating=(0, 0) if rating is None else (rating.shape[1], rating.shape[0]),
        decoder=decoder,
        width=state["prompt_encoder.no_mask_embed.weight"].shape[1],
        mask_channels=state["prompt_encoder.mask_downscaling.3.weight"].shape[0],
    )


def _count(state: Mapping[str, Tensor], prefix: str) -> int:
    """Count the numbered parts whose keys start with a prefix."""
    return len({key.removeprefix(prefix).split(".")[0] for key in state if key.startswith(prefix)})


KINDS = {"image_encoder.pos_embed": _vit, "image_encoder.patch_embed.seq.0.c.weight": _tiny_vit}
"""How the sizes of an architecture are read, by a key that only it has."""
