"""What a chapter says on Colab once its set-up cell has installed this package."""

import torch


def welcome(cpu_minutes: int) -> None:
    """Print the GPU found here or, where there is none, how long the chapter takes without one.

    `cpu_minutes` is the chapter's time from top to bottom on one CPU core; `make colab` shows both side by side.
    """
    if torch.cuda.is_available():
        print(f"Ready. Training will use the GPU found here: {torch.cuda.get_device_name()}.")
        return
    time = "a minute" if cpu_minutes == 1 else f"{cpu_minutes} minutes"
    print(f"Ready. There is no GPU here: run on the CPU, this chapter takes about {time} from top to bottom.")
    print("To get one: Runtime, Change runtime type, T4 GPU.")
