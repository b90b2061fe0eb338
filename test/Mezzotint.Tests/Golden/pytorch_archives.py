"""Makes the PyTorch files that PyTorchArchiveTests reads. Run here, with PyTorch (the files were made with 1.13.0):

    python3 pytorch_archives.py

state_dict.pt    a state dict of a module and tensors of every type, with views, shared and empty storages
protocol4.pt     a state dict in pickle protocol 4 (FRAME, MEMOIZE, STACK_GLOBAL, SHORT_BINUNICODE)
expanded.pt      one number, expanded to a tensor of 4 TB
nested.pt        a state dict under the key "state_dict", beside an epoch
checkpoint.pt    what a training saves: weights and their average, an optimiser (whose states have integer keys), its schedule,
                 arguments, a number of NumPy's, a path, a set, and bytes
average.pt       the average alone, under "nets", "ema", beside the same optimiser
legacy.pt        the format before PyTorch 1.6
module.pt        a whole module, whose pickle names its class
"""
import argparse
import collections
import copy
import pathlib

import numpy
import torch


class Small(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)
        self.norm = torch.nn.BatchNorm1d(2)


module = Small()
with torch.no_grad():
    module.linear.weight.copy_(torch.arange(6.0).reshape(2, 3) / 4)
    module.linear.bias.copy_(torch.tensor([-1.5, 2.5]))
    module.norm.num_batches_tracked.fill_(7)

state = module.state_dict()
base = torch.arange(24, dtype=torch.int16).reshape(2, 3, 4)
state["float64"] = torch.tensor([0.1, -2.0], dtype=torch.float64)
state["float16"] = torch.tensor([1.0, -0.5], dtype=torch.float16)
state["bfloat16"] = torch.tensor([1.0, -0.5], dtype=torch.bfloat16)
state["int64"] = torch.tensor([-(2**40), 1])
state["int32"] = torch.tensor([-70000, 1], dtype=torch.int32)
state["int8"] = torch.tensor([-128, 127], dtype=torch.int8)
state["uint8"] = torch.tensor([0, 255], dtype=torch.uint8)
state["bool"] = torch.tensor([True, False, True])
state["base"] = base
state["slice"] = base[1, 1:]
state["permuted"] = base.permute(2, 0, 1)
state["expanded"] = base[0, 0, 1:2].expand(3)
state["column"] = base[:, :, 3]
state["scalar"] = torch.tensor(42.0)
state["empty"] = torch.zeros(0, 5)
state["parameter"] = torch.nn.Parameter(torch.tensor([3.0]))
torch.save(state, "state_dict.pt")

torch.save({"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3])}, "protocol4.pt", pickle_protocol=4)
torch.save({"huge": torch.zeros(1).expand(1 << 20, 1 << 20)}, "expanded.pt")
torch.save({"epoch": 3, "state_dict": collections.OrderedDict(a=torch.tensor([1.0]))}, "nested.pt")
torch.save({"a": torch.tensor([1.0])}, "legacy.pt", _use_new_zipfile_serialization=False)
torch.save(module, "module.pt")

net = torch.nn.Linear(2, 1)
with torch.no_grad():
    net.weight.copy_(torch.tensor([[1.0, 2.0]]))
    net.bias.copy_(torch.tensor([3.0]))
average = copy.deepcopy(net.state_dict())
optimizer = torch.optim.Adam(net.parameters(), lr=0.5)
schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [1, 2])
net(torch.ones(1, 2)).sum().backward()
optimizer.step()
checkpoint = {
    "epoch": 3,
    "step": torch.tensor(7),
    "model": net.state_dict(),
    "ema": average,
    "optimizer": optimizer.state_dict(),
    "lr_scheduler": schedule.state_dict(),
    "args": argparse.Namespace(lr=0.5, out=pathlib.PurePosixPath("runs/a"), tags={"a", "b"}),
    "best": numpy.float64(0.25),
    "note": b"bytes",
}
torch.save(checkpoint, "checkpoint.pt")
torch.save({"nets": {"ema": average}, "optimizer": optimizer.state_dict()}, "average.pt")
