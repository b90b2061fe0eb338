"""Makes the golden files of this folder from seed_reference.py: run it with no argument, it writes beside itself.

    two_levels.safetensors          two levels, no attention in the encoder, as the seed has it but narrower
    attention.safetensors           one level with attention, two layers, two channels, oblong images
    attention_training.safetensors  the same network's gradients, and its parameters after three steps of Adam
    attention_sampling.safetensors  the same network's Euler-Maruyama run of ten steps, with every draw
    process_and_crop.safetensors    std(t), g(t), sampling times; center crops
    module_tree.txt                 print() of the seed's own network
    module_tree_attention.txt       print() of the network of attention.safetensors

Weights are stored as F16 and are exact in it, so widening them gives the very float32 values computed with. Keys that
end in 64 are the same quantity in float64, from the same inputs: their distance shows what rounding alone does.
With one thread and one version of PyTorch the files come out the same to the byte.
"""

import copy
import json
import struct
import sys
import warnings
from pathlib import Path

import torch

sys.dont_write_bytecode = True  # no __pycache__ in the test folder
import seed_reference as ref  # noqa: E402

HERE = Path(__file__).resolve().parent
TYPES = {torch.float64: "F64", torch.int64: "I64", torch.float32: "F32", torch.float16: "F16"}

TWO_LEVELS = {
    "corpus_length": 10,
    "in_channels": 1,
    "out_channels": 1,
    "model_channels": 32,
    "attention_levels": [2],
    "num_res_blocks": 1,
    "channel_multipliers": [1, 2],
    "transformer": {"context_dim": 16, "num_heads": 4, "num_layers": 1},
}

ATTENTION = {
    "corpus_length": 10,
    "in_channels": 2,
    "out_channels": 2,
    "model_channels": 32,
    "attention_levels": [0],
    "num_res_blocks": 1,
    "channel_multipliers": [1],
    "transformer": {"context_dim": 16, "num_heads": 4, "num_layers": 2},
}

# Blocks whose outputs are kept; the layers inside them are covered by what they add up to.
KEPT = (ref.TimeEmbedding, ref.ResidualBlock, ref.MultiHeadAttention, ref.AttentionBlock, ref.SpatialTransformer,
        ref.MidBlock, ref.DecoderBlock, torch.nn.Embedding, torch.nn.ConvTranspose2d)


def save(name, tensors, **metadata):
    """Writes a safetensors file: header length (8 bytes, little endian), JSON header, data without holes.

    The widest types come first and the header is padded to 8 bytes, so every tensor lies aligned.
    """
    metadata = {"script": Path(__file__).name, "torch": torch.__version__, **metadata}
    header = {"__metadata__": {k: v if isinstance(v, str) else json.dumps(v) for k, v in metadata.items()}}
    data = bytearray()
    for key in sorted(tensors, key=lambda k: (-tensors[k].element_size(), k)):
        tensor = tensors[key].detach().contiguous()
        start = len(data)
        data += tensor.numpy().tobytes()
        header[key] = {
            "dtype": TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, len(data)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    (HERE / f"{name}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(data))


def random_network(config, seed):
    """A network in which every parameter is random, the norms' too, and exact in float16."""
    torch.manual_seed(seed)
    network = ref.UNet(**config)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, (torch.nn.GroupNorm, torch.nn.LayerNorm)):
                module.weight.normal_(1.0, 0.3)
                module.bias.normal_(0.0, 0.3)
        for parameter in network.parameters():
            parameter.copy_(parameter.half().float())
    return network


def random_batch(config, height, width, times):
    """x in [0, 1], t, labels [B, 1] and z.

    Times have few binary digits: W t is then exact, and the order in which 2 pi W t is multiplied hardly matters.
    """
    shape = (len(times), config["in_channels"], height, width)
    return {
        "x": torch.randint(0, 256, shape) / 256,
        "t": torch.tensor(times),
        "labels": torch.randint(0, config["corpus_length"], (len(times), 1)),
        "z": torch.randn(shape),
    }


def as_double(tensors):
    return {k: v.double() if v.is_floating_point() else v for k, v in tensors.items()}


def forward(network, batch):
    """The loss of a batch and every step on the way to it."""
    result = {"std": ref.std(batch["t"]), "g": ref.diffusion(batch["t"])}
    result["x_t"] = ref.perturb(batch["x"], batch["t"], batch["z"])
    result["output"] = network(result["x_t"], batch["t"], batch["labels"])
    result["score"] = result["output"] / ref.images(result["std"])
    result["loss_per_image"] = ref.loss_per_image(result["output"], batch["z"])
    result["loss"] = result["loss_per_image"].mean()
    return result


def block_outputs(network, batch):
    """What each block gives in that forward pass, under `block.` and its path in the module tree."""
    kept = {}

    def keep(path, module):
        def hook(_module, _inputs, output):
            if isinstance(module, ref.EncoderBlock):
                kept[f"block.{path}"], kept[f"block.{path}.skip"] = output
            else:
                kept[f"block.{path}"] = output
        return module.register_forward_hook(hook)

    hooks = [keep(path, module) for path, module in network.named_modules()
             if isinstance(module, KEPT + (ref.EncoderBlock,))]
    forward(network, batch)
    for hook in hooks:
        hook.remove()
    return kept


def network_file(name, config, network, batch, extra):
    tensors = {f"weights.{k}": v.half() for k, v in network.state_dict().items()}
    tensors.update(batch)
    with torch.no_grad():
        tensors.update(forward(network, batch))
        tensors.update({f"{k}64": v for k, v in forward(copy.deepcopy(network).double(), as_double(batch)).items()})
        tensors.update(block_outputs(network, batch))
        tensors.update(extra(network) if extra else {})
    save(name, tensors, config=config)


def several_tokens(network):
    """With one context token the cross attention's softmax is over one number, and queries and keys count for nothing.

    So the same network once more with three tokens an image, and its mid transformer alone with a random context.
    The second map that this one gets is faint, so that the epsilon of its first norm tells.
    """
    labels = torch.tensor([[3, 1, 4], [1, 5, 9], [2, 6, 5]])
    x, t = torch.randn(3, 2, 8, 6), torch.tensor([0.75, 0.5, 0.125])
    tokens, context = torch.randn(2, 12, 64), torch.randn(2, 3, 16)
    fmap = torch.randn(2, 64, 4, 3) * torch.tensor([1.0, 0.01])[:, None, None, None]
    double = copy.deepcopy(network).double()
    transformer, transformer64 = network.mid_block.st, double.mid_block.st
    attention, attention64 = transformer.blocks[0].cross_attn, transformer64.blocks[0].cross_attn
    return {
        "three_tokens.x": x,
        "three_tokens.t": t,
        "three_tokens.labels": labels,
        "three_tokens.output": network(x, t, labels),
        "three_tokens.output64": double(x.double(), t.double(), labels),
        "cross_attention.x": tokens,
        "cross_attention.context": context,
        "cross_attention.output": attention(tokens, context),
        "cross_attention.output64": attention64(tokens.double(), context.double()),
        "spatial_transformer.x": fmap,
        "spatial_transformer.context": context,
        "spatial_transformer.output": transformer(fmap, context),
        "spatial_transformer.output64": transformer64(fmap.double(), context.double()),
    }


def gradients(network, batch):
    network.zero_grad()
    forward(network, batch)["loss"].backward()
    return {k: p.grad.clone() for k, p in network.named_parameters() if p.requires_grad}


def after_adam(network, batch, steps):
    """The parameters and the losses met on the way, after steps of Adam on one batch; the network is left alone."""
    network = copy.deepcopy(network)
    trained = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=2e-4, betas=(0.9, 0.999))
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = forward(network, batch)["loss"]
        loss.backward()
        optimiser.step()
        losses.append(loss.detach())
    return {k: p.detach() for k, p in network.named_parameters() if p.requires_grad}, torch.stack(losses)


def training_file(name, config, network, batch):
    """Gradients and Adam.

    Some gradients are zero but for rounding: a GroupNorm with one channel a group takes away whatever time_lin adds,
    and queries and keys of a single context token do nothing. Adam makes steps of full length out of such rounding,
    in a direction that means nothing, so `zero_gradients` lists them for the tests to leave out of the comparison.
    """
    double, batch64 = copy.deepcopy(network).double(), as_double(batch)
    exact = gradients(double, batch64)
    largest = max(g.abs().max() for g in exact.values())
    tensors = {f"grad.{k}": v for k, v in gradients(network, batch).items()}
    parameters, losses = after_adam(network, batch, 3)
    tensors.update({f"adam3.{k}": v for k, v in parameters.items()})
    tensors.update({"adam_losses": losses, "adam_losses64": after_adam(double, batch64, 3)[1]})
    save(name, tensors, config=config, weights="attention.safetensors",
         zero_gradients=[k for k, g in exact.items() if g.abs().max() < 1e-12 * largest])


def sampling_file(name, config, network):
    steps, shape = 10, (2, 2, 8, 6)
    labels = torch.tensor([[3], [7]])
    initial, draws = torch.randn(shape), torch.randn(steps, *shape)
    times = ref.sampling_times(steps)
    tensors = {"labels": labels, "times64": times, "times": times.float(), "initial": initial, "draws": draws}
    with torch.no_grad():
        for suffix, net, start, noise in (("", network, initial, draws),
                                          ("64", copy.deepcopy(network).double(), initial.double(), draws.double())):
            walk = list(ref.euler_maruyama(net, labels, times, start, noise.__getitem__))
            means, states = (torch.stack(column) for column in zip(*walk))
            tensors.update({f"means{suffix}": means, f"states{suffix}": states, f"final_mean{suffix}": means[-1],
                            f"final_clamped{suffix}": means[-1].clamp(0, 1)})
    save(name, tensors, config=config, weights="attention.safetensors", step=(times[0] - times[1]).item())


def process_and_crop_file(name):
    t = torch.tensor([1e-3, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0], dtype=torch.float64)
    tensors = {"process.t64": t, "process.std64": ref.std(t), "process.g64": ref.diffusion(t),
               "process.times500_64": ref.sampling_times(500)}
    for src, tar in ((7, 4), (8, 4), (9, 4), (9, 8), (5, 5)):
        fmap = torch.randint(-99, 100, (2, 3, src, src)).float()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tensors[f"crop.{src}_to_{tar}.src"] = fmap
            tensors[f"crop.{src}_to_{tar}.out"] = ref.center_crop(fmap, torch.empty(1, 1, tar, tar))
    save(name, tensors, sigma=ref.SIGMA, two_levels_sizes=sizes_that_pass())


def sizes_that_pass():
    """Which square images of 6 to 16 pixels two levels can take; the others end in a skip that is too small."""
    network, passing = ref.UNet(**TWO_LEVELS), []
    for size in range(6, 17):
        try:
            network(torch.zeros(1, 1, size, size), torch.ones(1), torch.zeros(1, 1, dtype=torch.long))
            passing.append(size)
        except ref.CenterCropError:
            pass
    return passing


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    network = random_network(TWO_LEVELS, seed=1)
    batch = random_batch(TWO_LEVELS, 8, 8, [0.875, 0.15625])
    network_file("two_levels", TWO_LEVELS, network, batch, None)

    network = random_network(ATTENTION, seed=2)
    batch = random_batch(ATTENTION, 8, 6, [1.0, 0.375, 0.0625])
    network_file("attention", ATTENTION, network, batch, several_tokens)
    training_file("attention_training", ATTENTION, network, batch)
    sampling_file("attention_sampling", ATTENTION, network)
    (HERE / "module_tree_attention.txt").write_text(f"{network}\n")

    torch.manual_seed(3)
    process_and_crop_file("process_and_crop")
    (HERE / "module_tree.txt").write_text(f"{ref.UNet(**ref.SEED_CONFIG)}\n")


if __name__ == "__main__":
    main()
