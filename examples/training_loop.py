"""A training loop that watches its FVD: ``torchrun --nproc-per-node 2 examples/training_loop.py``."""

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

import vidmetrics

distributed.init_process_group("gloo")
rank, ranks = distributed.get_rank(), distributed.get_world_size()
torch.manual_seed(0)
real = torch.rand(64, 12, 32, 32, 3) * torch.linspace(0, 1, 12)[:, None, None, None]  # your videos: noise that appears
model = DistributedDataParallel(torch.nn.Linear(1, 12))  # your model: how strong the noise of each frame is
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
fvd = vidmetrics.metric("fvd-shapes", value_range=(0, 1))  # for real videos: metric("fvd", device="cuda", ...)
fvd.update(real[rank::ranks], real=True)  # a share of the clips on each rank, once

torch.manual_seed(rank)  # other samples on each rank
for step in range(1, 41):
    noise = torch.rand(32, 12, 32, 32, 3)
    clips = noise * model(torch.ones(32, 1)).sigmoid()[:, :, None, None, None]
    loss = (clips.mean((2, 3, 4)) - real[rank::ranks].mean((2, 3, 4))).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        fvd.reset(keep_real=True)
        fvd.update(clips.detach(), real=False)
        estimate = fvd.compute()  # over the samples of all ranks, and the same on each
        if rank == 0:
            print(f"step {step}: loss {loss:.5f}, fvd-shapes {estimate.value:.2f} of {estimate.num_samples} samples")
del model  # it holds the process group, whose threads could otherwise wait for the interpreter that ends them
distributed.destroy_process_group()
