"""What the ranks of a run say to each other, through the key-value store that torchrun keeps for them.

Ranks exchange a few words (is everybody here, which shards are left, who has failed), never tensors: clips and features
go through files. So no collective library is joined, neither NCCL nor gloo, and nothing depends on which network card
one of them would pick; a model may join whichever it likes.

Every rank beats while it lives. A rank that waits learns within seconds that another one has failed, and after a few
minutes without a beat that one is gone; it then ends with a sentence instead of waiting for ever.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vidbench.distributed.shared_folder import wait_until_visible
from vidbench.errors import InputError
from vidbench.files import digest

_BEAT_SECONDS = 5.0
# A rank that computes still beats, from a thread of its own; the limit is for one that swaps or is paused.
_SILENCE_SECONDS = 300.0


class RankLostError(InputError):
    """Another rank has failed or is gone."""


class Meeting:
    """The ranks of one run, seen from one of them. Every rank must make the same calls in the same order."""

    def __init__(self, store: Any, rank: int, world_size: int, silence: float = _SILENCE_SECONDS) -> None:
        """Join.

        Args:
            store: a ``torch.distributed.Store`` that all ranks see.
            rank: number of this process.
            world_size: number of processes.
            silence: seconds without a beat after which a rank counts as gone.
        """
        self._store, self._rank, self._world_size, self._silence = store, rank, world_size, silence
        self._calls = 0
        self._heard: dict[int, tuple[int, float]] = {}
        self._looked = 0.0
        self._left = threading.Event()
        # Beats come from the start on, so that a short run has been heard too.
        self._store.add(f"beat/{rank}", 1)
        threading.Thread(target=self._beat, daemon=True, name="vidbench-beat").start()

    def barrier(self) -> None:
        """Wait until every rank has come here.

        Raises:
            RankLostError: one never will.
        """
        key = self._key("barrier")
        self._ask(lambda: self._store.add(key, 1))
        self._wait(lambda: self._store.add(key, 0) >= self._world_size)

    def from_main(self, make: Callable[[], Any]) -> Any:
        """Return what ``make`` gives on the main rank, the same on all; JSON-able."""
        key = self._key("from-main")
        if self._rank == 0:
            text = json.dumps(make())
            self._ask(lambda: self._store.set(key, text))
            return json.loads(text)
        self._wait(lambda: self._store.check([key]))
        return json.loads(self._ask(lambda: self._store.get(key)))

    def from_all(self, value: Any) -> list[Any]:
        """Return the JSON-able values of all ranks, in their order."""
        key = self._key("from-all")
        text = json.dumps(value)
        self._ask(lambda: self._store.set(f"{key}/{self._rank}", text))
        keys = [f"{key}/{rank}" for rank in range(self._world_size)]
        self._wait(lambda: self._store.check(keys))
        return [json.loads(answer) for answer in self._ask(lambda: [self._store.get(each) for each in keys])]

    def agree(self, what: str, value: Any) -> None:
        """Refuse to go on where a JSON-able value differs between ranks.

        Raises:
            InputError: it does, on every rank; names the first that differs from the main one.
        """
        answers = self.from_all([digest(value), socket.gethostname()])
        for rank, (sha256, host) in enumerate(answers):
            if sha256 != answers[0][0]:
                raise InputError(
                    f"Rank {rank} on {host} and rank 0 on {answers[0][1]} disagree about {what}: all ranks need the same "
                    "command, the same version of vidbench, and the same data."
                )

    def check_shared(self, folder: Path) -> None:
        """Refuse to go on where the ranks do not see one and the same folder.

        Raises:
            InputError: what the main rank writes there does not show on another one; on every rank.
        """
        made = [each for each in (folder, *folder.parents) if not each.exists()] if self._rank == 0 else []
        token = secrets.token_hex(16)
        name = self.from_main(lambda: f".shared-{token}")
        if self._rank == 0:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name, encoding="utf-8")
        try:
            self.barrier()
            hosts = self.from_all([wait_until_visible((folder / name).is_file), socket.gethostname()])
        finally:
            if self._rank == 0:
                (folder / name).unlink(missing_ok=True)
        for rank, (seen, host) in enumerate(hosts):
            if not seen:
                for each in made:
                    each.rmdir()
                raise InputError(
                    f"Rank {rank} on {host} does not see what rank 0 on {hosts[0][1]} writes to its folder {folder}: output "
                    "and VIDBENCH_HOME must lie on a file system that all ranks share."
                )

    def fail(self, reason: str) -> None:
        """Tell the others that this rank ends, and why."""
        self._left.set()
        try:
            if not self._store.check(["failed"]):
                self._store.set("failed", f"Rank {self._rank} on {socket.gethostname()} has failed ({reason})")
        except RuntimeError:
            return  # nobody can be told: the store went first

    def leave(self) -> None:
        """Leave after the last word; the main rank stays until all have left, because it may keep the store."""
        self.barrier()
        key = self._key("left")
        self._left.set()
        self._ask(lambda: self._store.add(key, 1))
        if self._rank == 0:
            self._wait(lambda: self._store.add(key, 0) >= self._world_size, watch=False)

    def _key(self, what: str) -> str:
        self._calls += 1
        return f"{self._calls}/{what}"

    def _ask(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except RuntimeError:
            raise RankLostError(
                "The node that the ranks meet on cannot be reached any more, so its processes have ended or it is gone: look "
                "at its output; the same command goes on from here."
            ) from None

    def _wait(self, arrived: Callable[[], bool], watch: bool = True) -> None:
        pause = 0.005
        since = time.monotonic()
        while not self._ask(arrived):
            if watch:
                self._look_for_failures(since)
            elif time.monotonic() - since > self._silence:
                return
            time.sleep(pause)
            pause = min(0.25, 1.5 * pause)

    def _look_for_failures(self, since: float) -> None:
        if self._ask(lambda: self._store.check(["failed"])):
            reason = self._ask(lambda: self._store.get("failed")).decode()
            raise RankLostError(f"{reason}: this rank cannot go on alone; the same command goes on from here.")
        now = time.monotonic()
        if now - self._looked < min(_BEAT_SECONDS, self._silence / 3):
            return
        self._looked = now
        ranks = range(self._world_size)
        for rank, beats in zip(ranks, self._ask(lambda: [self._store.add(f"beat/{r}", 0) for r in ranks]), strict=True):
            known, when = self._heard.get(rank, (-1, since))
            if beats != known:
                self._heard[rank] = (beats, now)
            elif now - max(when, since) > self._silence:
                raise RankLostError(
                    f"Rank {rank} has given no sign of life for {self._silence:.0f} seconds: look at its node; the same "
                    "command goes on from here."
                )

    def _beat(self) -> None:
        while not self._left.wait(min(_BEAT_SECONDS, self._silence / 6)):
            try:
                self._store.add(f"beat/{self._rank}", 1)
            except RuntimeError:
                return  # whoever waits meets the same error and says so
