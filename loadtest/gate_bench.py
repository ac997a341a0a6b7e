#!/usr/bin/env python3
"""What the gate's script costs Redis by itself: microseconds of its CPU for a request.

Starts a private Redis, opens an epoch, and calls the script as a server under load does: each call settles
and ends what the call before it admitted, and admits as much again. Compares versions of the script:

    loadtest/gate_bench.py Sources/Gate/Scripts/gate.lua /tmp/changed.lua
    loadtest/gate_bench.py --positions 10000 --lines 3 --admits 64 Sources/Gate/Scripts/gate.lua
"""
import argparse
import hashlib
import os
import random
import socket
import struct
import subprocess
import tempfile
import time

EPOCH_KEY = "{h0}:e"
PLENTY = 10**12


class Redis:
    """A private Redis and a connection to it."""

    def __init__(self, folder):
        path = os.path.join(folder, "redis.sock")
        arguments = ["--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(["redis-server", *arguments], stdout=subprocess.DEVNULL)
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(100):
            try:
                self.socket.connect(path)
                break
            except OSError:
                time.sleep(0.05)
        self.file = self.socket.makefile("rb")

    def call(self, *arguments):
        """Sends a command; returns its reply, which is bytes, or a list of them."""
        parts = [part.encode() if isinstance(part, str) else part for part in arguments]
        command = b"*%d\r\n" % len(parts)
        self.socket.sendall(command + b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in parts))
        return self.reply()

    def reply(self):
        line = self.file.readline().rstrip()
        if line[:1] == b"$":
            return None if line == b"$-1" else self.file.read(int(line[1:]) + 2)[:-2]
        if line[:1] == b"*":
            return [self.reply() for _ in range(int(line[1:]))]
        if line[:1] == b"-":
            raise SystemExit(line.decode())
        return line

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def calls(options):
    """The arguments of each call, in the layout that gate.lua states."""
    chance = random.Random(1)
    versions = [1] * (options.positions + 1)
    free = [PLENTY] * (options.positions + 1)
    before = []
    for _ in range(max(1, options.requests // options.admits)):
        sold = {}
        for _, ids in before:
            for position in ids:
                sold[position] = sold.get(position, 0) + 1
        rows = b""
        for position, units in sold.items():
            versions[position] += 1
            free[position] -= units
            rows += struct.pack("<QQqqB", position, versions[position], -units, free[position], 1)
        ends = b"".join(key + b"\1" for key, _ in before)
        before = [
            (chance.randbytes(16), chance.sample(range(1, options.positions + 1), options.lines))
            for _ in range(options.admits)
        ]
        admits = b"".join(
            key + b"\0\0" + struct.pack("<H", len(ids))
            + b"".join(struct.pack("<QQ", position, 1) for position in ids)
            for key, ids in before
        )
        yield rows, ends, admits


def measure(path, options):
    """Microseconds of Redis for a request: admitted, settled, ended."""
    with tempfile.TemporaryDirectory() as folder:
        redis = Redis(folder)
        try:
            info = redis.call("INFO", "replication").decode()
            replid = next(l for l in info.splitlines() if l.startswith("master_replid:"))[14:]
            with open(path) as file:
                text = file.read().replace("@EPOCH@", "1").replace("@REPLID@", replid)
            redis.call("EVAL", text, "1", EPOCH_KEY, "open")
            script = ("EVALSHA", hashlib.sha1(text.encode()).hexdigest(), "1", EPOCH_KEY, "batch")
            loads = b"".join(
                struct.pack("<QQqB", position, 1, PLENTY, 0)
                for position in range(1, options.positions + 1)
            )
            redis.call(*script, b"", loads, b"", b"", "5000")
            prepared = list(calls(options))
            began = redis.cpu_seconds()
            for rows, ends, admits in prepared:
                reply = redis.call(*script, rows, b"", ends, admits, "5000")
                if reply != b"a" * options.admits:
                    raise SystemExit(f"{path}: not everybody was admitted: {reply[:80]}")
            spent = redis.cpu_seconds() - began
            return spent * 1e6 / (len(prepared) * options.admits)
        finally:
            redis.stop()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scripts", nargs="+", metavar="SCRIPT", help="a version of gate.lua")
    parser.add_argument("--admits", type=int, default=128, help="requests of a call (128)")
    parser.add_argument("--positions", type=int, default=1, help="positions in all (1)")
    parser.add_argument("--lines", type=int, default=1, help="positions of a request (1)")
    parser.add_argument("--requests", type=int, default=200_000, help="in all (200000)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each version (3)")
    options = parser.parse_args()
    if options.lines > options.positions:
        parser.error("--lines is more than --positions")
    for _ in range(options.rounds):
        for path in options.scripts:
            print(f"{path}: {measure(path, options):.2f} us for a request", flush=True)


if __name__ == "__main__":
    main()
