"""What happened while a model was trained, in plain lists.

Leaves out: drawing. `over` gives points for `lmbook.figures.lines`.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lmbook.files import write_whole


@dataclass
class History:
    """What happened: a value for each step, and one for each evaluation."""

    train_nats: list[float] = field(default_factory=list)  # per token
    gradient_norms: list[float] = field(default_factory=list)  # unclipped
    learning_rates: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)  # predicted so far
    seconds: list[float] = field(default_factory=list)  # of steps so far
    eval_steps: list[int] = field(default_factory=list)  # steps done by then
    validation_nats: list[float] = field(default_factory=list)  # per token
    bits_per_byte: list[float] = field(default_factory=list)

    @property
    def elapsed(self) -> float:
        """Seconds spent in steps: without evaluation and saving."""
        return self.seconds[-1] if self.seconds else 0.0

    @property
    def total_tokens(self) -> int:
        """Targets seen, those of padding left out."""
        return self.tokens[-1] if self.tokens else 0

    def add(
        self,
        train_nats: float,
        gradient_norm: float,
        learning_rate: float,
        num_tokens: int,
        seconds: float,
    ) -> None:
        """Note a step, its tokens and its time."""
        self.train_nats.append(train_nats)
        self.gradient_norms.append(gradient_norm)
        self.learning_rates.append(learning_rate)
        self.tokens.append(self.total_tokens + num_tokens)
        self.seconds.append(self.elapsed + seconds)

    def over(self, axis: str, values: str) -> dict[float, float]:
        """Points for a figure: `over("seconds", "bits_per_byte")`.

        `axis` is "steps", "seconds" or "tokens"; `values` is a list with an
        entry for each evaluation, or "train_nats", the mean since the last.
        """
        if axis not in ("steps", "seconds", "tokens"):
            raise ValueError(
                f"{axis!r} is not one of 'steps', 'seconds', 'tokens'"
            )
        ends = self.eval_steps
        places = ends
        if axis != "steps":
            places = [getattr(self, axis)[end - 1] for end in ends]
        heights = getattr(self, values)
        if values == "train_nats":
            spans = zip([0, *ends], ends, strict=False)
            heights = [math.fsum(heights[a:b]) / (b - a) for a, b in spans]
        return dict(zip(places, heights, strict=True))

    def save(self, path: str | Path) -> None:
        """Write a JSON file."""
        write_whole(path, json.dumps(asdict(self)).encode())

    @classmethod
    def load(cls, path: str | Path) -> History:
        """Read what `save` wrote."""
        return cls(**json.loads(Path(path).read_text(encoding="utf-8")))
