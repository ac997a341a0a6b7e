# A foreign client of the calls with streams: carts on one stream, and a watch. It shares nothing with
# our own client but the .proto files.
#
# usage: streams.py PROTOCOLS HOST:PORT
# Prints one JSON object: {"steps": N, "problems": ["what is wrong", ...]}
import json
import queue
import sys
import tempfile
import time

import grpc
from google.protobuf import message_factory

from client import load_protocols

CARTS = 500


class Streams:
    def __init__(self, pool, channel):
        self.pool = pool
        self.channel = channel
        self.steps = 0
        self.problems = []

    def method(self, path):
        """The multi-callable of a method, with its messages."""
        service, name = path.split("/")
        method = self.pool.FindServiceByName(f"holdfast.v1.{service}").FindMethodByName(name)
        request = message_factory.GetMessageClass(method.input_type)
        reply = message_factory.GetMessageClass(method.output_type)
        kind = {
            (False, False): self.channel.unary_unary, (False, True): self.channel.unary_stream,
            (True, True): self.channel.stream_stream,
        }[method.client_streaming, method.server_streaming]
        call = kind(
            f"/holdfast.v1.{path}", request_serializer=request.SerializeToString,
            response_deserializer=reply.FromString,
        )
        return call, request

    def check(self, holds, problem):
        self.steps += 1
        if not holds:
            self.problems.append(problem)

    def receive(self, sku, quantity, key):
        call, request = self.method("InventoryService/Receive")
        line = {"sku": sku, "node": "N1", "quantity": quantity}
        call(request(idempotency_key=key, lines=[line]), timeout=20)

    def carts(self):
        self.receive("PY-STREAM", CARTS - 10, "py-stream")
        call, request = self.method("ReservationService/ReserveStream")
        line = {"sku": "PY-STREAM", "node": "N1", "quantity": 1}
        answers, waiting = [], list(range(CARTS))
        for _ in range(100):
            requests = (
                request(
                    correlation_id=number,
                    cart={"idempotency_key": f"py-stream-{number}", "lines": [line]},
                    timeout={"seconds": 30},
                )
                for number in waiting
            )
            found = list(call(requests, timeout=50))
            numbers = sorted(answer.correlation_id for answer in found)
            if numbers != waiting:
                self.problems.append("not one answer for each cart")
            # Those that the server has no room for now come again.
            answers += [answer for answer in found if answer.error.code != 8]
            waiting = sorted(a.correlation_id for a in found if a.error.code == 8)
            if not waiting:
                break
            time.sleep(0.2)
        self.check(len(answers) == CARTS, f"{len(answers)} carts are answered")
        held = [answer for answer in answers if answer.WhichOneof("outcome") == "reservation"]
        self.check(len(held) == CARTS - 10, f"{len(held)} carts are held")
        reasons = {a.error.reason for a in answers if a.WhichOneof("outcome") == "error"}
        self.check(reasons <= {"SOLD_OUT", "CONTENDED"} and reasons, f"refused for {reasons}")

    def watch(self):
        self.receive("PY-WATCH", 5, "py-watch")
        call, request = self.method("InventoryService/WatchAvailability")
        items = [{"sku": "PY-WATCH"}, {"sku": "PY-LATER"}]
        stream = call(request(items=items), timeout=50)
        first = next(stream)
        told = [(item.index, item.availability.available) for item in first.items]
        self.check(told == [(0, 5), (1, 0)], f"the first state is {told}")
        self.receive("PY-LATER", 3, "py-later")
        change = next(stream)
        told = [(item.index, item.availability.available) for item in change.items]
        self.check(told == [(1, 3)], f"the change is {told}")
        stream.cancel()
        try:
            next(stream)
            self.check(False, "a cancelled watch goes on")
        except grpc.RpcError as error:
            self.check(error.code() == grpc.StatusCode.CANCELLED, f"ended with {error.code()}")

    def alternate(self):
        """A cart is answered while the stream is still open."""
        call, request = self.method("ReservationService/ReserveStream")
        waiting = queue.Queue()
        answers = call(iter(waiting.get, None), timeout=50)
        line = {"sku": "PY-LATER", "node": "N1", "quantity": 0}
        waiting.put(request(correlation_id=1, cart={"idempotency_key": "a", "lines": [line]}))
        fields = [violation.field for violation in next(answers).error.violations]
        self.check(fields == ["cart.lines[0].quantity"], f"the fields are {fields}")
        line = {"sku": "PY-LATER", "node": "N1", "quantity": 1}
        waiting.put(request(correlation_id=2, cart={"idempotency_key": "a", "lines": [line]}))
        self.check(next(answers).reservation.id != "", "the second cart is not held")
        waiting.put(None)
        self.check(list(answers) == [], "there are answers without carts")


def main():
    protocols, address = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as out, grpc.insecure_channel(address) as channel:
        streams = Streams(load_protocols(protocols, out), channel)
        streams.carts()
        streams.watch()
        streams.alternate()
        json.dump({"steps": streams.steps, "problems": streams.problems}, sys.stdout)


main()
