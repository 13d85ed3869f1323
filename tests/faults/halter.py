"""A run that one worker of several ends: python halter.py FOLDER, under torchrun. The last worker's callback returns True."""

import sys
from pathlib import Path

import torch.distributed as dist

from vae_core import TrainConfig, fit, load_images
from vae_core.machine import join_workers
from vae_core.presets import PRESETS

if __name__ == "__main__":
    join_workers("cpu")
    last = dist.get_rank() == dist.get_world_size() - 1
    config = TrainConfig(epochs=5, batch_size=100, device="cpu")
    model, images = PRESETS["relu-200-10"].build(), load_images("digits")
    history = fit(model, images, config, out=Path(sys.argv[1]), callback=lambda _, so_far: last and len(so_far) == 2)
    print(f"epochs {len(history)}")
    dist.destroy_process_group()
