"""The seed's loop and network in PyTorch, for `compare --pytorch PYTHON`: eager, float32, Adam, all cores, the loss read back at each step.

Reads commands from stdin, one a line, and answers each with a number: `train SECONDS` and `evaluate SECONDS` work for that long and tell images (evaluations) a second,
`request STEPS` draws 64 images of one digit by the seed's sampler and tells the seconds.
The network is the one that the golden numbers of the tests come from. Needs PyTorch (Debian: python3-torch).
"""

import pathlib
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "test/Mezzotint.Tests/Golden/seed"))
import seed_reference as seed  # noqa: E402

BATCH = 64


def main():
    torch.manual_seed(42)
    network = seed.UNet(**seed.SEED_CONFIG)
    optimiser = torch.optim.Adam((p for p in network.parameters() if p.requires_grad), lr=2e-4)
    images, classes = torch.rand(60_000, 1, 28, 28), torch.randint(10, (60_000, 1))
    x, t = torch.randn(BATCH, 1, 28, 28), torch.rand(BATCH)

    def train():
        batch = torch.randint(60_000, (BATCH,))
        x0, labels = images[batch], classes[batch]
        times = torch.rand(BATCH) * (1 - seed.SMALLEST_TIME) + seed.SMALLEST_TIME
        z = torch.randn_like(x0)
        h = network(x0 + z * seed.std(times).view(-1, 1, 1, 1), times, labels)
        loss = (h + z).square().sum((1, 2, 3)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        loss.item()

    def evaluate():
        with torch.no_grad():
            network(x, t, classes[:BATCH])

    work = {"train": train, "evaluate": evaluate}
    for name in work:
        work[name]()
    print(torch.__version__, flush=True)
    for line in sys.stdin:
        name, seconds = line.split()
        if name == "request":
            start = time.perf_counter()
            with torch.no_grad():
                steps, x = int(seconds), torch.randn(BATCH, 1, 28, 28) * seed.std(torch.ones(1))
                times, fives = torch.linspace(1, seed.SMALLEST_TIME, steps), torch.full((BATCH, 1), 5)
                dt = times[0] - times[1]
                for t_now in times:
                    g = seed.diffusion(t_now)
                    score = network(x, t_now.expand(BATCH), fives) / seed.std(t_now)
                    x = x + g ** 2 * score * dt + g * torch.sqrt(dt) * torch.randn_like(x)
            print(time.perf_counter() - start, flush=True)
            continue
        start, images_done = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - start) < float(seconds):
            work[name]()
            images_done += BATCH
        print(images_done / elapsed, flush=True)


main()
