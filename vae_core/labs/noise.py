"""The noise that a lab draws in the browser, drawn again in Python: `normals` of js/random.mjs, number for number."""

import math

import numpy as np

WORD = 0xFFFFFFFF


def normals(seed: int, count: int) -> np.ndarray:
    """`count` standard normal numbers that depend on the seed alone: mulberry32, then Box and Muller's pairs."""
    state = seed & WORD
    uniforms = []
    for _ in range(count + count % 2):
        state = (state + 0x6D2B79F5) & WORD
        t = ((state ^ (state >> 15)) * (1 | state)) & WORD
        t ^= (t + (((t ^ (t >> 7)) * (61 | t)) & WORD)) & WORD
        uniforms.append((t ^ (t >> 14)) / 2**32)
    values = []
    for first, second in zip(uniforms[::2], uniforms[1::2], strict=True):
        radius, angle = math.sqrt(-2 * math.log(1 - first)), 2 * math.pi * second
        values += [radius * math.cos(angle), radius * math.sin(angle)]
    return np.array(values[:count])
