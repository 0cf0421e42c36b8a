"""`kill -9` of each part of a machine at a moment that chance picks, and its new start."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import psutil
import pytest

from assay.batch.plan import Plan
from builders.attempts import BUILD, Job, kill_jvm
from builders.machine import Machine

PATIENCE = 240.0


@dataclass
class Kills:
    """What can be done to a machine. `count` has how often each part was killed."""

    machine: Machine
    chance: Random
    batches: int = 0
    count: dict[str, int] = field(default_factory=dict)
    plan: Plan | None = None
    published_before: int = 0  # its kill came too late

    @property
    def parts(self) -> Mapping[str, Callable[[], None]]:
        """Each part, and what kills it and starts it again."""
        return {
            "driver": self.driver,
            "jvm": self.jvm,
            "postgres": self.postgres,
            "broker": self.broker,
            "gateway": self.gateway,
            "batch": self.batch,
            "machine": self.all_at_once,
        }

    def round(self) -> None:
        """Every part once, in the order of chance."""
        order = [*self.parts]
        self.chance.shuffle(order)
        print(f"kills: {', '.join(order)}", flush=True)
        for part in order:
            time.sleep(self.chance.uniform(0, 6))
            began = time.monotonic()
            self.parts[part]()
            self.count[part] = self.count.get(part, 0) + 1
            print(f"kills: {part} took {time.monotonic() - began:.1f} s", flush=True)
        self.finish_batch()

    def driver(self) -> None:
        living = self._application()
        self.machine.streams.driver(living).kill()
        self._start_anew(living)

    def jvm(self) -> None:
        living = self._application()
        living.kill()
        self._start_anew(living)

    def postgres(self) -> None:
        self.machine.server.kill()
        time.sleep(self.chance.uniform(0, 3))
        self.machine.server.start()

    def broker(self) -> None:
        self.machine.broker.kill()
        time.sleep(self.chance.uniform(0, 3))
        self.machine.broker.start()

    def gateway(self) -> None:
        assert self.machine.gateway
        self.machine.gateway.kill()
        self.machine.start_gateway()

    def batch(self) -> None:
        """A stage of a batch that has claimed what the streams have, somewhere in its life."""
        while True:  # an attempt that has ended before is none
            job = self._attempt()
            time.sleep(self.chance.uniform(1, 15))
            if job.poll() is None:
                break
        kill_jvm(job)

    def _attempt(self) -> Job:
        """Of the stage that chance picks, after those before it."""
        attempts = self.machine.attempts
        deadline = time.monotonic() + PATIENCE
        while self.plan is None or self.plan.is_empty:  # the streams have no slice for it yet
            assert time.monotonic() < deadline, self.machine.streams.logs[-1].read_text()[-3000:]
            time.sleep(1)
            self.batches += 1
            self.plan = attempts.accept(f"batch {self.batches}")
        before = self.chance.randrange(len(BUILD) - 1)  # what is committed is not built again
        attempts.run(self.plan, *BUILD[:before])
        return attempts.start(self.plan, BUILD[before], attempts.take_epoch())

    def finish_batch(self) -> None:
        """The batch again to its end; the first commit is killed, and the first publish, unless it
        is quicker."""
        attempts, plan = self.machine.attempts, self.plan
        assert plan
        *build, commit = BUILD
        attempts.run(plan, *build)
        attempts.stage(plan)
        job = attempts.start(plan, commit, attempts.take_epoch())
        time.sleep(self.chance.uniform(2, 15))
        if job.poll() is None:
            kill_jvm(job)
        attempts.run(plan, commit)
        victim = attempts.start_publish(attempts.take_epoch(), failpoint="")
        time.sleep(self.chance.uniform(0.5, 3))
        self.published_before += victim.poll() is not None
        victim.kill()
        victim.wait()
        attempts.publish()
        self.plan = None

    def all_at_once(self) -> None:
        """As when the machine loses its power, as far as processes can tell."""
        machine, living, job = self.machine, self._application(), self._attempt()
        time.sleep(self.chance.uniform(1, 15))
        assert machine.gateway
        assert machine.broker.process
        roots = [living.pid, machine.gateway.process.pid, machine.broker.process.pid]
        roots += [job.pid] if job.poll() is None else []
        victims = machine.server.processes()
        for pid in roots:
            root = psutil.Process(pid)
            victims += [root, *root.children(recursive=True)]
        for victim in victims:
            with suppress(psutil.Error):
                victim.kill()
        machine.server.kill()
        machine.server.start()
        machine.broker.kill()
        machine.broker.start()
        self.gateway()
        self._start_anew(living)

    def _application(self) -> subprocess.Popen[bytes]:
        """The application, which nothing but us may have ended."""
        living = self.machine.application
        assert living
        assert living.poll() is None, self.machine.streams.logs[-1].read_text()[-3000:]
        return living

    def _start_anew(self, killed: subprocess.Popen[bytes]) -> None:
        try:
            killed.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            killed.send_signal(signal.SIGQUIT)  # has a JVM write down what its threads do
            time.sleep(5)
            told = self.machine.streams.logs[-1].read_text(errors="replace")
            pytest.fail(f"the application outlives its driver\n{told[-20_000:]}", pytrace=False)
        self.machine.start_application()
