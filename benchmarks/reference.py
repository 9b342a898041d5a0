"""Segment Anything from another hand (transformers), with the weights of one of ours."""

from __future__ import annotations

import re

from transformers import SamConfig as ReferenceConfig
from transformers import SamModel

from napari_sam.model import Sam, SamConfig, ViTConfig

RENAMES = (
    (r"^image_encoder\.", "vision_encoder."),
    (r"patch_embed\.proj", "patch_embed.projection"),
    (r"\.blocks\.", ".layers."),
    (r"\.norm(\d)\.", r".layer_norm\1."),
    (r"\.norm_final_attn\.", ".layer_norm_final_attn."),
    (r"neck\.0\.", "neck.conv1."),
    (r"neck\.1\.", "neck.layer_norm1."),
    (r"neck\.2\.", "neck.conv2."),
    (r"neck\.3\.", "neck.layer_norm2."),
    (r"pe_layer\.positional_encoding_gaussian_matrix", "shared_embedding.positional_embedding"),
    (r"point_embeddings", "point_embed"),
    (r"mask_downscaling\.0\.", "mask_embed.conv1."),
    (r"mask_downscaling\.1\.", "mask_embed.layer_norm1."),
    (r"mask_downscaling\.3\.", "mask_embed.conv2."),
    (r"mask_downscaling\.4\.", "mask_embed.layer_norm2."),
    (r"mask_downscaling\.6\.", "mask_embed.conv3."),
    (r"output_upscaling\.0\.", "upscale_conv1."),
    (r"output_upscaling\.1\.", "upscale_layer_norm."),
    (r"output_upscaling\.3\.", "upscale_conv2."),
    (r"(mlps\.\d|prediction_head)\.layers\.0\.", r"\1.proj_in."),
    (r"(mlps\.\d|prediction_head)\.layers\.1\.", r"\1.layers.0."),
    (r"(mlps\.\d|prediction_head)\.layers\.2\.", r"\1.proj_out."),
)


def reference_model(sam: Sam, attention: str = "sdpa") -> SamModel:
    """Return transformers' network of the sizes and with the weights of `sam`, ready to predict.

    `attention` is "sdpa", its default, or "eager", the plain formula of Meta's code.
    """
    config = reference_config(sam.config)
    model = SamModel._from_config(config, attn_implementation=attention).eval()
    state = {reference_name(name): value for name, value in sam.state_dict().items()}
    matrix = state["prompt_encoder.shared_embedding.positional_embedding"]
    state["shared_image_embedding.positional_embedding"] = matrix
    model.load_state_dict(state)
    return model


def reference_name(name: str) -> str:
    """Translate a parameter's name from Meta's checkpoints to transformers'."""
    for pattern, replacement in RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


def reference_config(config: SamConfig) -> ReferenceConfig:
    """Translate the sizes of a ViT."""
    encoder, decoder = config.encoder, config.decoder
    if not isinstance(encoder, ViTConfig):
        raise TypeError("the reference has a ViT as encoder")
    return ReferenceConfig(
        vision_config={
            "hidden_size": encoder.width,
            "output_channels": config.width,
            "num_hidden_layers": encoder.depth,
            "num_attention_heads": encoder.heads,
            "image_size": config.image_size,
            "patch_size": encoder.patch,
            "window_size": encoder.window,
            "global_attn_indexes": list(encoder.global_blocks),
            "num_pos_feats": config.width // 2,
            "mlp_dim": 4 * encoder.width,
        },
        prompt_encoder_config={
            "hidden_size": config.width,
            "image_size": config.image_size,
            "patch_size": encoder.patch,
            "mask_input_channels": config.mask_channels,
        },
        mask_decoder_config={
            "hidden_size": config.width,
            "mlp_dim": decoder.mlp,
            "num_hidden_layers": decoder.depth,
            "num_attention_heads": decoder.heads,
            "iou_head_hidden_dim": decoder.iou_hidden,
            "layer_norm_eps": 1e-5,  # as in Meta's code; theirs is 1e-6 unless told
        },
    )
