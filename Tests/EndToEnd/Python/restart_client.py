# A foreign client that must not notice restarts: reserves through several connections until SIGTERM,
# with the retries of gRPC's own service config for UNAVAILABLE and no others. Prints the id of every
# reservation that it was given, one a line; ends with 1 at the first call that fails.
#
# usage: restart_client.py PROTOCOLS HOST:PORT SKU CHANNELS
import json
import signal
import sys
import tempfile
import threading

import grpc
from google.protobuf import message_factory

from client import load_protocols

SERVICE_CONFIG = json.dumps({
    "methodConfig": [{
        "name": [{}],
        "waitForReady": True,
        "retryPolicy": {
            "maxAttempts": 5, "initialBackoff": "0.05s", "maxBackoff": "1s",
            "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"],
        },
    }]
})


def main():
    protocols, target, sku, channels = sys.argv[1:]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with tempfile.TemporaryDirectory() as out:
        pool = load_protocols(protocols, out)
    request_class, answer_class = (
        message_factory.GetMessageClass(pool.FindMessageTypeByName("holdfast.v1." + name))
        for name in ("ReserveRequest", "Reservation")
    )
    lock = threading.Lock()
    failures = []

    def work(channel_number):
        options = [
            ("grpc.service_config", SERVICE_CONFIG), ("grpc.use_local_subchannel_pool", 1),
        ]
        with grpc.insecure_channel(target, options=options) as channel:
            reserve = channel.unary_unary(
                "/holdfast.v1.ReservationService/Reserve",
                request_serializer=request_class.SerializeToString,
                response_deserializer=answer_class.FromString,
            )
            number = 0
            while not stop.is_set():
                number += 1
                request = request_class(idempotency_key=f"foreign-{channel_number}-{number}")
                request.owner = "cart"
                request.ttl.seconds = 600
                request.lines.add(sku=sku, node="N1", quantity=1)
                try:
                    answer = reserve(request, timeout=20)
                except grpc.RpcError as error:
                    failures.append(f"{request.idempotency_key}: {error.code()} {error.details()}")
                    stop.set()
                    return
                with lock:
                    print(answer.id, flush=True)
                stop.wait(0.01)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(int(channels))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit("\n".join(failures))


main()
