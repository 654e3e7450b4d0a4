"""Coordination of the ranks of a run through torchrun's key-value store.

Ranks exchange short messages (barriers, missing shards, failures), never tensors: clips and features go through files. So
no process group of NCCL or gloo is needed, nothing depends on which network interface it would pick, and a model is free
to initialise either.

Every rank sends heartbeats. A waiting rank notices within seconds that another has failed, and after five minutes without
a heartbeat that one is lost; it then ends with an error instead of waiting forever.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vidbench.distributed.shared_folder import wait_until_visible
from vidbench.errors import InputError
from vidbench.files import digest, temporary_name
from vidmetrics.locks import in_made_folder, remove_leftovers

_BEAT_SECONDS = 5.0
# Heartbeats come from a thread, so a busy rank still sends them; the limit allows for swapping or a paused process.
_SILENCE_SECONDS = 300.0
_GRACE_SECONDS = 10.0
# A folder that is shared but shown later than this is only used less well: each run then has a cache of its own.
_SHARED_SECONDS = 10.0


class RankLostError(InputError):
    """Another rank has failed or is lost."""


class Meeting:
    """Communication of one rank with the others. All ranks must make the same calls in the same order."""

    def __init__(
        self, store: Any, rank: int, world_size: int, silence: float = _SILENCE_SECONDS, hosts: bool = False
    ) -> None:
        """Join the other ranks.

        Args:
            store: a ``torch.distributed.Store`` that all ranks share.
            rank: rank of this process.
            world_size: number of processes.
            silence: seconds without a heartbeat after which a rank counts as lost.
            hosts: whether this process hosts the store, which then ends with it.
        """
        self._store, self._rank, self._world_size, self._silence = store, rank, world_size, silence
        self._hosts = hosts
        self._calls = 0
        self._heard: dict[int, tuple[int, float]] = {}
        self._looked = 0.0
        self._left = threading.Event()
        # The first heartbeat is sent at once, so that short runs are noticed too.
        self._store.add(f"beat/{rank}", 1)
        threading.Thread(target=self._beat, daemon=True, name="vidbench-beat").start()

    def barrier(self) -> None:
        """Wait until every rank has reached this call.

        Raises:
            RankLostError: another rank has failed or is lost.
        """
        key = self._key("barrier")
        self._ask(lambda: self._store.add(key, 1))
        self._wait(lambda: self._store.add(key, 0) >= self._world_size)

    def from_main(self, make: Callable[[], Any]) -> Any:
        """Call ``make`` on the main rank and return its JSON-able result on every rank."""
        key = self._key("from-main")
        if self._rank == 0:
            text = json.dumps(make())
            self._ask(lambda: self._store.set(key, text))
            return json.loads(text)
        self._wait(lambda: self._store.check([key]))
        return json.loads(self._ask(lambda: self._store.get(key)))

    def from_all(self, value: Any) -> list[Any]:
        """Return the JSON-able values of all ranks, in rank order."""
        key = self._key("from-all")
        text = json.dumps(value)
        self._ask(lambda: self._store.set(f"{key}/{self._rank}", text))
        keys = [f"{key}/{rank}" for rank in range(self._world_size)]
        self._wait(lambda: self._store.check(keys))
        return [json.loads(answer) for answer in self._ask(lambda: [self._store.get(each) for each in keys])]

    def agree(self, what: str, value: Any) -> None:
        """Check that a JSON-able value is the same on all ranks.

        Raises:
            InputError: it is not (raised on every rank); names the first rank that differs from the main one.
        """
        answers = self.from_all([digest(value), socket.gethostname()])
        for rank, (sha256, host) in enumerate(answers):
            if sha256 != answers[0][0]:
                raise InputError(
                    f"Rank {rank} on {host} and rank 0 on {answers[0][1]} disagree about {what}: all ranks need the same "
                    "command, the same version of vidbench, and the same data."
                )

    def check_shared(self, folder: Path) -> None:
        """Check that all ranks see the same folder.

        Raises:
            InputError: a file that the main rank writes is not visible on another rank (raised on every rank).
        """
        if blind := self._blind(folder):
            rank, host, main_host = blind
            raise InputError(
                f"Rank {rank} on {host} does not see what rank 0 on {main_host} writes to its folder {folder}: put it on a "
                "file system that all ranks share."
            )

    def shares(self, folder: Path) -> bool:
        """Return whether all ranks see the same folder, within ten seconds; every rank gets the same answer."""
        return self._blind(folder, _SHARED_SECONDS) is None

    def _blind(self, folder: Path, seconds: float | None = None) -> tuple[int, str, str] | None:
        """Return the first rank that does not see what the main rank writes in time, its host, and that of the main rank."""
        made = [each for each in (folder, *folder.parents) if not each.exists()] if self._rank == 0 else []
        name = self.from_main(lambda: temporary_name(folder / "shared").name)
        if self._rank == 0:
            in_made_folder(folder, lambda: _write_into(folder, name))
        try:
            self.barrier()
            visible = wait_until_visible(lambda: _says(folder / name, name), seconds=seconds)
            hosts = self.from_all([visible, socket.gethostname()])
        finally:
            if self._rank == 0:
                (folder / name).unlink(missing_ok=True)
        for rank, (seen, host) in enumerate(hosts):
            if not seen:
                for each in made:
                    each.rmdir()
                return rank, host, hosts[0][1]
        return None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """End this process with exit code 2 when another rank fails or is lost inside the block.

        For work that waits in collectives of NCCL or gloo, which would wait for hours. Where they notice by themselves, the
        error that they raise has ten seconds to end the process first.
        """
        done = threading.Event()

        def watch() -> None:
            since = time.monotonic()
            while not done.wait(min(_BEAT_SECONDS, self._silence / 3)):
                try:
                    self._look_for_failures(since)
                except RankLostError as error:
                    if not done.wait(_GRACE_SECONDS):
                        os.write(2, f"Error: {error}\n".encode())
                        os._exit(2)
                    return

        threading.Thread(target=watch, daemon=True, name="vidbench-watch").start()
        try:
            yield
        finally:
            done.set()

    def fail(self, reason: str) -> None:
        """Tell the other ranks that this one has failed, and why."""
        self._left.set()
        try:
            if not self._store.check(["failed"]):
                self._store.set("failed", f"Rank {self._rank} on {socket.gethostname()} has failed ({reason})")
            ended = self._store.add("ended", 1)
            # Others that wait would find no store, and could not repeat the reason.
            deadline = time.monotonic() + _GRACE_SECONDS
            while self._hosts and ended < self._world_size and time.monotonic() < deadline:
                time.sleep(0.05)
                ended = self._store.add("ended", 0)
        except RuntimeError:
            return  # the store is gone, so nobody can be told

    def leave(self) -> None:
        """Leave at the end of a run; the main rank waits for all others, because it may host the store."""
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
                "The node that hosts the store of the ranks is unreachable: check its output; the same command resumes the run."
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
            raise RankLostError(f"{reason}: this rank stops too; the same command resumes the run.")
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
                    f"Rank {rank} has sent no heartbeat for {self._silence:.0f} seconds: check its node; the same command "
                    "resumes the run."
                )

    def _beat(self) -> None:
        while not self._left.wait(min(_BEAT_SECONDS, self._silence / 6)):
            try:
                self._store.add(f"beat/{self._rank}", 1)
            except RuntimeError:
                return  # a waiting rank gets the same error and reports it


def _write_into(folder: Path, name: str) -> None:
    remove_leftovers(folder)
    (folder / name).write_text(name, encoding="utf-8")


def _says(path: Path, text: str) -> bool:
    """Return whether a file is there with all of its content: a network disk may show the name first."""
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False
