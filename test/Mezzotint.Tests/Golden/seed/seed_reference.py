"""The seed's network, noise process, loss and sampler in PyTorch: the yardstick of the golden tests.

Written from the description of the seed system alone, with no look at the C# code that it measures, so that a
mistake would have to be made twice to go unseen. Speed is no aim here; being easy to check by eye is.
Needs PyTorch (Debian: python3-torch); runs on the CPU in float32 or float64.
"""

import math
import warnings

import torch
from torch import nn
from torch.nn import functional as F

NORM_GROUPS = 32
SIGMA = 25.0
SMALLEST_TIME = 1e-3

SEED_CONFIG = {
    "corpus_length": 10,
    "in_channels": 1,
    "out_channels": 1,
    "model_channels": 32,
    "attention_levels": [2],
    "num_res_blocks": 2,
    "channel_multipliers": [1, 2],
    "transformer": {"context_dim": 256, "num_heads": 8, "num_layers": 1},
}


class CenterCropError(ValueError):
    """The feature map to be cropped is smaller than the size asked for."""


def center_crop(src, tar):
    """The middle of src [B, C, H, W], as high and as wide as tar; the odd row or column is lost at the end."""
    if src.shape[-2:] == tar.shape[-2:]:
        warnings.warn("center_crop: both maps have the same size already, nothing is cropped")
        return src
    for axis in (-2, -1):
        have, want = src.shape[axis], tar.shape[axis]
        if have < want:
            raise CenterCropError(f"center_crop: cannot crop {have} to {want}")
        src = src.narrow(axis, (have - want) // 2, want)
    return src


# --------------------------------------------------------------------------------------------- the network's parts


class TimeEmbedding(nn.Module):
    """Random Fourier features of the time, [B] -> [B, dim], then one linear layer."""

    def __init__(self, dim, scale=30.0):
        super().__init__()
        self.W = nn.Parameter(torch.randn(dim // 2) * scale, requires_grad=False)
        self.proj = nn.Linear(dim, dim)

    def forward(self, t):
        angle = t[:, None] * self.W[None, :] * 2 * math.pi
        return self.proj(torch.cat([torch.sin(angle), torch.cos(angle)], dim=1))


class ResidualBlock(nn.Module):
    """c = conv(x); c + silu(gnorm(c + time_lin(temb))). What is added back is c, not x."""

    def __init__(self, in_channels, out_channels, time_dim):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.time_lin = nn.Linear(time_dim, out_channels)
        self.gnorm = nn.GroupNorm(NORM_GROUPS, out_channels)
        self.silu = nn.SiLU()

    def forward(self, x, temb):
        c = self.conv(x)
        shift = self.time_lin(temb)[:, :, None, None]
        return c + self.silu(self.gnorm(c + shift))


class MultiHeadAttention(nn.Module):
    """softmax(q k^T / sqrt(head_dim)) v in num_heads slices of the width; there is no output projection."""

    def __init__(self, dim, context_dim, num_heads):
        super().__init__()
        self.num_heads = num_heads
        self.q_proj = nn.Linear(dim, dim, bias=False)
        self.k_proj = nn.Linear(context_dim, dim, bias=False)
        self.v_proj = nn.Linear(context_dim, dim, bias=False)

    def heads(self, tokens):
        batch, count, width = tokens.shape  # the width is (head, channel of the head), the head slowest
        return tokens.reshape(batch, count, self.num_heads, width // self.num_heads).transpose(1, 2)

    def forward(self, x, context):
        q, k, v = self.heads(self.q_proj(x)), self.heads(self.k_proj(context)), self.heads(self.v_proj(context))
        weights = torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, dim=-1)
        return (weights @ v).transpose(1, 2).reshape(x.shape)


class MLP(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))

    def forward(self, x):
        return self.net(x)


class AttentionBlock(nn.Module):
    """Self attention, cross attention, MLP; each on normalised tokens and added back to them."""

    def __init__(self, dim, context_dim, num_heads):
        super().__init__()
        self.self_attn = MultiHeadAttention(dim, dim, num_heads)
        self.self_attn_norm = nn.LayerNorm(dim)
        self.cross_attn = MultiHeadAttention(dim, context_dim, num_heads)
        self.cross_attn_norm = nn.LayerNorm(dim)
        self.mlp = MLP(dim)
        self.mlp_norm = nn.LayerNorm(dim)

    def forward(self, x, context):
        if context is None:
            raise ValueError("the cross attention needs a context")
        n = self.self_attn_norm(x)
        x = self.self_attn(n, n) + x
        x = self.cross_attn(self.cross_attn_norm(x), context) + x
        return self.mlp(self.mlp_norm(x)) + x


class SpatialTransformer(nn.Module):
    """Attention over the pixels of a map: [B, C, H, W] -> [B, H * W, C], the blocks, back; added to the map."""

    def __init__(self, channels, context_dim, num_heads, num_layers):
        super().__init__()
        self.blocks = nn.ModuleList(AttentionBlock(channels, context_dim, num_heads) for _ in range(num_layers))
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x, context):
        tokens = x.flatten(2).transpose(1, 2)
        for block in self.blocks:
            tokens = block(tokens, context)
        return x + self.proj_out(tokens.transpose(1, 2).reshape(x.shape))


class EncoderBlock(nn.Module):
    """Residual blocks and, on an attention level, a transformer: the skip. Its strided convolution: the output."""

    def __init__(self, in_channels, out_channels, time_dim, num_res_blocks, transformer):
        super().__init__()
        self.res_blocks = residual_blocks(in_channels, out_channels, time_dim, num_res_blocks)
        if transformer is not None:
            self.spatial_transformer = SpatialTransformer(out_channels, **transformer)
        self.downsampling = nn.Conv2d(out_channels, out_channels, 3, stride=2, padding=1, bias=False)

    def forward(self, x, temb, context):
        for block in self.res_blocks:
            x = block(x, temb)
        if hasattr(self, "spatial_transformer"):
            x = self.spatial_transformer(x, context)
        return self.downsampling(x), x


class MidBlock(nn.Module):
    def __init__(self, in_channels, out_channels, time_dim, transformer):
        super().__init__()
        self.res1 = ResidualBlock(in_channels, out_channels, time_dim)
        self.res2 = ResidualBlock(out_channels, out_channels, time_dim)
        self.st = SpatialTransformer(out_channels, **transformer)

    def forward(self, x, temb, context):
        return self.st(self.res2(self.res1(x, temb), temb), context)


class DecoderBlock(nn.Module):
    """The map at twice the size, behind the skip of its level; then residual blocks."""

    def __init__(self, in_channels, out_channels, time_dim, num_res_blocks):
        super().__init__()
        self.upsampling = nn.ConvTranspose2d(
            in_channels, out_channels, 3, stride=2, padding=1, output_padding=1, bias=False)
        self.res_blocks = residual_blocks(2 * out_channels, out_channels, time_dim, num_res_blocks)

    def forward(self, x, skip, temb):
        x = self.upsampling(x)
        if skip.shape[-2:] != x.shape[-2:]:
            skip = center_crop(skip, x)
        x = torch.cat([skip, x], dim=1)
        for block in self.res_blocks:
            x = block(x, temb)
        return x


def residual_blocks(in_channels, out_channels, time_dim, count):
    widths = [in_channels] + [out_channels] * count
    return nn.ModuleList(ResidualBlock(a, b, time_dim) for a, b in zip(widths, widths[1:]))


class UNet(nn.Module):
    """h(x, t, labels): x [B, C, H, W], t [B] in (0, 1], labels [B, T] of whole numbers; h is shaped as x."""

    def __init__(self, corpus_length, in_channels, out_channels, model_channels, attention_levels, num_res_blocks,
                 channel_multipliers, transformer):
        super().__init__()
        widths = [model_channels * m for m in channel_multipliers]
        time_dim = model_channels
        self.context_embed = nn.Embedding(corpus_length, transformer["context_dim"])
        self.time_embed = TimeEmbedding(time_dim)
        self.encoder = nn.ModuleList(
            EncoderBlock(a, b, time_dim, num_res_blocks, transformer if level in attention_levels else None)
            for level, (a, b) in enumerate(zip([in_channels] + widths, widths)))
        self.mid_block = MidBlock(widths[-1], 2 * widths[-1], time_dim, transformer)
        below = [2 * widths[-1]] + widths[::-1]
        self.decoder = nn.ModuleList(
            DecoderBlock(a, b, time_dim, num_res_blocks) for a, b in zip(below, widths[::-1]))
        self.proj = nn.Sequential(
            nn.GroupNorm(NORM_GROUPS, widths[0]), nn.SiLU(), nn.Conv2d(widths[0], out_channels, 3, padding=1))

    def forward(self, x, t, labels):
        temb = self.time_embed(t)
        context = self.context_embed(labels)
        skips = []
        for block in self.encoder:
            x, skip = block(x, temb, context)
            skips.append(skip)
        x = self.mid_block(x, temb, context)
        for block in self.decoder:
            x = block(x, skips.pop(), temb)
        return self.proj(x)


# ------------------------------------------------------------------------------------ the process, loss and sampler


def std(t):
    """Standard deviation of x_t given x_0: sqrt((sigma^(2 t) - 1) / (2 ln sigma))."""
    return torch.sqrt((SIGMA ** (2 * t) - 1) / (2 * math.log(SIGMA)))


def diffusion(t):
    """g(t) = sigma^t, the coefficient of the Wiener process."""
    return SIGMA ** t


def images(per_image):
    """[B] -> [B, 1, 1, 1]."""
    return per_image[:, None, None, None]


def perturb(x0, t, z):
    return x0 + images(std(t)) * z


def loss_per_image(h, z):
    """Sum over the pixels of (h + z)^2, [B]; the loss of a batch is its mean."""
    return ((h + z) ** 2).sum(dim=(1, 2, 3))


def sampling_times(steps):
    """From 1 down to the smallest time, float64."""
    return torch.linspace(1.0, SMALLEST_TIME, steps, dtype=torch.float64)


def euler_maruyama(network, labels, times, initial, draws):
    """Walks the reverse SDE; yields (mean, x) of every step. The sample is the last mean, clamped to [0, 1].

    initial [B, C, H, W] and draws(i) are standard normal and set the type that is computed in.
    """
    step = (times[0] - times[1]).item()
    one = torch.ones(len(labels), dtype=initial.dtype)
    x = images(std(one)) * initial
    for i, time in enumerate(times.to(initial.dtype)):
        t = time * one
        score = network(x, t, labels) / images(std(t))
        mean = x + images(diffusion(t)) ** 2 * score * step
        x = mean + math.sqrt(step) * images(diffusion(t)) * draws(i)
        yield mean, x
