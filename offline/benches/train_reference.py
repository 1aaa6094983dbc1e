"""PyTorch's own step loop on the model of `train.rs`: equations 9 to 13 with `torch.nn`, fp32, torch.optim.AdamW.

usage: train_reference.py WIDTH BLOCKS HEADS BATCH REGION STEPS WARM   prints clock and processor seconds of the timed steps
"""

import sys
import time

import torch
from torch import nn

width, depth, heads, batch, region, steps, warm = map(int, sys.argv[1:])
torch.set_num_threads(2)
torch.manual_seed(1)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.ffn = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, z):
        n, t, _ = z.shape
        q, k, v = self.qkv(self.norm1(z)).view(n, t, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        shares = ((q @ k.transpose(-2, -1)) * (width // heads) ** -0.5).softmax(-1)
        z = z + self.out((shares @ v).transpose(1, 2).reshape(n, t, width))
        return z + self.ffn(self.norm2(z))


def head(outputs):
    return nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, outputs))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch, self.region = nn.Linear(768, width), nn.Linear(region, width)
        self.region_norm, self.norm = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(198, width))
        self.blocks = nn.ModuleList(Block() for _ in range(depth))
        self.quality, self.distortion = head(1), head(10)

    def forward(self, images, features):
        n = images.shape[0]
        cells = images.view(n, 14, 16, 14, 16, 3).permute(0, 1, 3, 2, 4, 5).reshape(n, 196, 768)
        patches = self.patch((cells.float() / 255 - 0.45) / 0.225)
        z_region = self.region_norm(nn.functional.gelu(self.region(features))).view(n, 1, width)
        z = torch.cat([z_region, self.token.expand(n, 1, width), patches], 1) + self.positions
        for block in self.blocks:
            z = block(z)
        h = self.norm(z[:, :2]).flatten(1)
        return self.quality(h), self.distortion(h)


model = Model()
optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=1e-4)
images = torch.randint(0, 255, (batch, 224, 224, 3), dtype=torch.uint8)
features, labels = torch.randn(batch, region), torch.rand(batch, 1)
distortions = torch.zeros(batch, 10)
for step in range(steps + warm):
    if step == warm:
        clock, processor = time.perf_counter(), time.process_time()
    quality, distortion = model(images, features)
    loss = (quality - labels).square().mean()
    loss = loss + 0.1 * nn.functional.binary_cross_entropy_with_logits(distortion, distortions)
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()
print(time.perf_counter() - clock, time.process_time() - processor)
