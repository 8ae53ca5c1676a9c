"""Storyworld: how fast stories are written, and scored by the oracle.

One thread, processor time, the median of three seeds. The goal is 20,000
stories a minute.
"""

from __future__ import annotations

import statistics
import time

import torch

from lmbook.corpora import stories
from lmbook.oracle import Oracle
from lmbook.tokenizers import encode_documents

NUM_STORIES = 4000


def rate(seed: int) -> tuple[float, float]:
    """Stories written a minute, and stories scored a minute."""
    start = time.process_time()
    texts = stories(NUM_STORIES, seed)
    written = time.process_time()
    oracle = Oracle()
    documents = encode_documents(oracle.tokenizer, texts)
    begun = time.process_time()
    oracle.token_log_probs(documents)
    scored = time.process_time()
    return (
        60 * NUM_STORIES / (written - start),
        60 * NUM_STORIES / (scored - begun),
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    writing, scoring = zip(*(rate(seed) for seed in range(3)), strict=True)
    print("| work | stories a minute |")
    print("|---|---:|")
    print(f"| write | {statistics.median(writing):,.0f} |")
    print(f"| score with the oracle | {statistics.median(scoring):,.0f} |")
