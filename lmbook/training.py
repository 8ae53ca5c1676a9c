"""The training loop: one for every network of the book, and hard to kill.

Each step's batch and dropout follow from the seed and the number of the step
alone, and a checkpoint is one file. So on a CPU a run that was killed at any
moment, and is then called again in the same way, ends with the same weights to
the bit as if nothing had happened.

Leaves out: several devices, accumulated gradients, averaged weights. A model
that draws from a generator of its own is not repeated to the bit.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from tqdm import tqdm

from lmbook.batches import IGNORED, Documents, Windows, batch_order, seed_of
from lmbook.checkpoint import load_run, save_run
from lmbook.evaluation import cross_entropy, document_bits, token_log_probs
from lmbook.history import History
from lmbook.inference import device_of
from lmbook.recipe import TrainingConfig, adamw

CHECKPOINT = "checkpoint.safetensors"
LINE = "{percentage:3.0f}%|{bar:20}| {elapsed}<{remaining}{postfix}"


def train(
    model: nn.Module,
    data: Documents | Windows,
    config: TrainingConfig,
    *,
    checkpoint_folder: str | Path | None = None,
    save_every: int | None = None,
    device: str | torch.device | None = None,
    bf16: bool = False,
    compile: bool = False,
    show_progress: bool = True,
) -> History:
    """Train a model in place, on the GPU if there is one; what happened.

    With a folder, the run is saved every `save_every` steps (by default
    `eval_every`), at Ctrl-C and at the end; called again, it goes on, or gives
    its history if it is finished. `bf16` and `compile` are for GPUs.
    FloatingPointError if the loss or its gradient is not finite.
    """
    model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    run = Run(model, data, config, checkpoint_folder, bf16, compile)
    save_every = save_every or config.eval_every
    with (
        own_randomness(run.device),
        held_interrupts() as interrupted,
        progress_line(run, show_progress) as show,
    ):
        while not run.is_finished and not interrupted.is_set():
            run.step()
            if run.is_finished or run.steps_done % config.eval_every == 0:
                run.evaluate()
            show()
            stops = run.is_finished or interrupted.is_set()
            if stops or run.steps_done % save_every == 0:
                run.save()
    model.eval()
    if interrupted.is_set():
        raise KeyboardInterrupt(
            f"stopped after step {run.steps_done}: {run.where_saved()}"
        )
    return run.history


class Run:
    """A model on its way, and all that it takes to go on from here."""

    def __init__(
        self,
        model: nn.Module,
        data: Documents | Windows,
        config: TrainingConfig,
        folder: str | Path | None = None,
        bf16: bool = False,
        compile: bool = False,
    ) -> None:
        check_vocabulary(model, data)
        self.model, self.data, self.config = model, data, config
        self.forward = torch.compile(model) if compile else model
        self.device, self.bf16 = device_of(model), bf16
        self.optimizer = adamw(model, config)
        self.settings = settings_of(model, data, config)
        self.path = Path(folder) / CHECKPOINT if folder else None
        self.history = History()
        if self.path and self.path.exists():
            run = load_run(self.path, model, self.optimizer, self.settings)
            self.history = History(**run)
        self.steps_saved = self.steps_done
        order = batch_order(data, config.batch_size, config.seed)
        self.rows = islice(order, self.steps_done, None)

    @property
    def steps_done(self) -> int:
        return len(self.history.train_nats)

    @property
    def progress(self) -> float:
        """How much of the run is over, by steps or by time."""
        steps = self.steps_done / self.config.num_steps
        seconds = self.history.elapsed / self.config.max_seconds
        return min(1.0, max(steps, seconds))

    @property
    def is_finished(self) -> bool:
        return self.progress == 1

    def step(self) -> None:
        """Read a batch, follow its gradient, and note what happened."""
        start = time.perf_counter()
        step, elapsed = self.steps_done, self.history.elapsed
        rate = self.config.learning_rate_at(step, elapsed)
        torch.manual_seed(seed_of(self.config.seed, "dropout", step))
        inputs, targets = self.data.batch(next(self.rows))
        self.model.train()
        self.optimizer.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16, self.bf16):
            loss = mean_loss(self.forward, inputs, targets, self.device)
        loss.backward()
        norm = clip_grad_norm_(self.model.parameters(), self.config.clip)
        check_finite(self, loss.item(), norm.item(), rate)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.history.add(
            train_nats=loss.item(),
            gradient_norm=norm.item(),
            learning_rate=rate,
            num_tokens=int((targets != IGNORED).sum()),
            seconds=time.perf_counter() - start,
        )

    def evaluate(self) -> None:
        """Score the validation text."""
        log_probs = token_log_probs(self.model, self.data.validation_rows())
        bits = document_bits(log_probs).sum().item()
        self.history.eval_steps.append(self.steps_done)
        self.history.validation_nats.append(cross_entropy(log_probs))
        self.history.bits_per_byte.append(bits / self.data.validation_bytes)

    def save(self) -> None:
        """Write the checkpoint, if there is a folder for it."""
        if not self.path:
            return
        about = self.settings, asdict(self.history)
        try:
            save_run(self.path, self.model, self.optimizer, *about)
        except OSError as error:
            message = f"{error.strerror}; {self.where_saved()}"
            raise OSError(error.errno, message) from error
        self.steps_saved = self.steps_done

    def where_saved(self) -> str:
        """Where the last checkpoint is, in words."""
        if not self.path:
            return "nothing is saved, for there is no checkpoint_folder"
        if not self.steps_saved:
            return f"nothing is saved yet in {self.path.parent}"
        return (
            f"the last checkpoint is {self.path}, of step {self.steps_saved}"
        )


def settings_of(
    model: nn.Module, data: Documents | Windows, config: TrainingConfig
) -> dict[str, dict]:
    """What must be the same for a run to go on."""
    architecture = getattr(model, "config", None)
    parameters = model.named_parameters()
    return {
        "config": asdict(config),
        "data": data.settings(),
        "model": asdict(architecture) if is_dataclass(architecture) else {},
        "frozen": [name for name, p in parameters if not p.requires_grad],
    }


def mean_loss(
    forward: Callable[[Tensor], Tensor],
    inputs: Tensor,
    targets: Tensor,
    device: torch.device,
) -> Tensor:
    """(B, T), (B, T) -> nats per token, those of padding left out."""
    logits = forward(inputs.to(device))  # (B, T, V)
    return F.cross_entropy(
        logits.flatten(0, 1),
        targets.to(device).flatten(),
        ignore_index=IGNORED,
    )


def check_finite(run: Run, loss: float, norm: float, rate: float) -> None:
    """FloatingPointError, before the optimiser spoils the weights."""
    if not math.isfinite(loss) or not math.isfinite(norm):
        step = run.steps_done
        raise FloatingPointError(
            f"loss {loss} and gradient {norm} at step {step + 1}, where the "
            f"learning rate is {rate:.3g}: the model keeps the weights of "
            f"step {step}, and {run.where_saved()}. Lower learning_rate, and "
            "begin in a new checkpoint_folder"
        )


def check_vocabulary(model: nn.Module, data: Documents | Windows) -> None:
    """ValueError if the data hold a token that the model does not know."""
    largest = data.largest_id()
    if largest >= model.vocab_size:
        raise ValueError(
            f"the data hold token {largest}, but the model's vocabulary ends "
            f"at {model.vocab_size - 1}: give both the same tokenizer"
        )


@contextmanager
def own_randomness(device: torch.device) -> Iterator[None]:
    """Seeds set inside leave the reader's random numbers as they were."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        yield


@contextmanager
def held_interrupts() -> Iterator[threading.Event]:
    """Ctrl-C sets the event, so that a step ends whole; a second one acts."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted  # Ctrl-C goes to the main thread
        return
    before = signal.getsignal(signal.SIGINT)

    def hold(*_: object) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, hold)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def progress_line(run: Run, shown: bool) -> Iterator[Callable[[], None]]:
    """A line with the loss, the speed and the time that is left."""
    history = run.history
    tokens, seconds = history.total_tokens, history.elapsed
    with tqdm(
        total=1.0,
        initial=run.progress,
        disable=not shown,
        bar_format=LINE,
    ) as bar:

        def show() -> None:
            speed = (history.total_tokens - tokens) / (
                history.elapsed - seconds
            )
            text = f"{history.train_nats[-1]:.3f} nats, {speed:,.0f} tokens/s"
            if history.bits_per_byte:
                text += f", {history.bits_per_byte[-1]:.3f} bits per byte"
            bar.set_postfix_str(text, refresh=False)
            bar.n = run.progress
            bar.update(0)

        yield show
