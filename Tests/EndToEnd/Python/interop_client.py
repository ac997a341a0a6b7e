# A foreign client of the interoperability tests, on grpcio: plays every case against a server.
#
# usage: interop_client.py PROTOCOLS HOST:PORT
# Prints one JSON object: {"steps": N, "problems": ["case: what is wrong", ...]}
#
# grpcio does not tell whether a reply was compressed, and compresses all requests of a call or none;
# what it cannot see is left to our own client.
import json
import queue
import sys
import time
import traceback

import grpc

from interop import INITIAL, OPTIONS, REPLY_SIZES, REQUEST_SIZES, SERVICE, TRAILING, Messages

TIMEOUT = 60
SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"


class Requests:
    """An iterator of requests that is fed while the call runs."""

    def __init__(self):
        self.queue = queue.Queue()

    def send(self, request):
        self.queue.put(request)

    def finish(self):
        self.queue.put(None)

    def __iter__(self):
        return iter(self.queue.get, None)


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


class Cases:
    def __init__(self, messages, address):
        self.messages = messages
        self.channel = grpc.insecure_channel(address, options=OPTIONS)
        output = messages.StreamingOutputCallRequest, messages.StreamingOutputCallResponse
        simple = messages.SimpleRequest, messages.SimpleResponse
        empty = messages.Empty, messages.Empty
        self.empty_call = self.method("unary_unary", "EmptyCall", *empty)
        self.unary_call = self.method("unary_unary", "UnaryCall", *simple)
        self.cacheable_call = self.method("unary_unary", "CacheableUnaryCall", *simple)
        self.output_call = self.method("unary_stream", "StreamingOutputCall", *output)
        self.input_call = self.method(
            "stream_unary", "StreamingInputCall", messages.StreamingInputCallRequest,
            messages.StreamingInputCallResponse)
        self.duplex_call = self.method("stream_stream", "FullDuplexCall", *output)
        self.half_duplex_call = self.method("stream_stream", "HalfDuplexCall", *output)
        self.no_method = self.method("unary_unary", "UnimplementedCall", *empty)
        self.no_service = self.method(
            "unary_unary", "UnimplementedCall", *empty, service="grpc.testing.UnimplementedService")

    def method(self, kind, name, request, reply, service=SERVICE):
        return getattr(self.channel, kind)(
            f"/{service}/{name}", request_serializer=request.SerializeToString,
            response_deserializer=reply.FromString)

    # --- Parts ------------------------------------------------------------------------------

    def large(self, **fields):
        return self.messages.SimpleRequest(
            response_size=314159, payload=self.messages.zeros(271828), **fields)

    def asking(self, request_size, reply_size):
        request = self.messages.StreamingOutputCallRequest(
            payload=self.messages.zeros(request_size))
        request.response_parameters.add(size=reply_size)
        return request

    def expect_payload(self, reply, size):
        expect(reply.payload.body == bytes(size),
               f"{len(reply.payload.body)} bytes came, {size} zeros were expected")

    def expect_sizes(self, replies, sizes):
        sizes_found = [len(reply.payload.body) for reply in replies]
        expect(sizes_found == sizes, f"replies of {sizes_found} bytes, not {sizes}")

    def expect_status(self, call, code, message=None):
        try:
            call()
        except grpc.RpcError as error:
            expect(error.code() == code, f"{error.code()} {error.details()}, not {code}")
            expect(message is None or error.details() == message, f"message {error.details()!r}")
        else:
            raise AssertionError(f"the call succeeded, {code} was expected")

    # --- Cases ------------------------------------------------------------------------------

    def empty_unary(self):
        reply = self.empty_call(self.messages.Empty(), timeout=TIMEOUT)
        expect(reply == self.messages.Empty(), "the reply is not empty")

    def large_unary(self):
        self.expect_payload(self.unary_call(self.large(), timeout=TIMEOUT), 314159)

    def cacheable_unary(self):
        reply, call = self.cacheable_call.with_call(self.large(), timeout=TIMEOUT)
        expect(reply.payload.body.isdigit(), f"the reply is {reply.payload.body!r}")
        initial = dict(call.initial_metadata())
        expect("max-age=60" in initial.get("cache-control", ""), f"metadata {initial}")

    def client_compressed_unary(self):
        request = self.large(expect_compressed={"value": True})
        self.expect_status(
            lambda: self.unary_call(request, timeout=TIMEOUT), grpc.StatusCode.INVALID_ARGUMENT)
        reply = self.unary_call(request, timeout=TIMEOUT, compression=grpc.Compression.Gzip)
        self.expect_payload(reply, 314159)
        request = self.large(expect_compressed={"value": False})
        self.expect_payload(self.unary_call(request, timeout=TIMEOUT), 314159)
        self.expect_status(
            lambda: self.unary_call(
                request, timeout=TIMEOUT, compression=grpc.Compression.Gzip),
            grpc.StatusCode.INVALID_ARGUMENT)

    def unknown_encoding(self):
        # Our server has no deflate: it must say so, and name what it has.
        call = self.unary_call
        self.expect_status(
            lambda: call(self.large(), timeout=TIMEOUT, compression=grpc.Compression.Deflate),
            grpc.StatusCode.UNIMPLEMENTED)

    def server_compressed_unary(self):
        for compressed in (True, False):
            request = self.large(response_compressed={"value": compressed})
            self.expect_payload(self.unary_call(request, timeout=TIMEOUT), 314159)

    def client_streaming(self):
        requests = (self.messages.StreamingInputCallRequest(payload=self.messages.zeros(size))
                    for size in REQUEST_SIZES)
        size = self.input_call(requests, timeout=TIMEOUT).aggregated_payload_size
        expect(size == 74922, f"{size} bytes were counted")

    def client_compressed_streaming(self):
        def requests(compressed, *sizes):
            return (
                self.messages.StreamingInputCallRequest(
                    payload=self.messages.zeros(size), expect_compressed={"value": compressed})
                for size in sizes)

        self.expect_status(
            lambda: self.input_call(requests(True, 27182), timeout=TIMEOUT),
            grpc.StatusCode.INVALID_ARGUMENT)
        reply = self.input_call(
            requests(True, 27182, 45904), timeout=TIMEOUT, compression=grpc.Compression.Gzip)
        expect(reply.aggregated_payload_size == 73086, f"{reply.aggregated_payload_size} counted")
        reply = self.input_call(requests(False, 45904), timeout=TIMEOUT)
        expect(reply.aggregated_payload_size == 45904, f"{reply.aggregated_payload_size} counted")

    def server_streaming(self):
        request = self.messages.StreamingOutputCallRequest()
        for size in REPLY_SIZES:
            request.response_parameters.add(size=size)
        self.expect_sizes(self.output_call(request, timeout=TIMEOUT), REPLY_SIZES)

    def server_compressed_streaming(self):
        request = self.messages.StreamingOutputCallRequest()
        request.response_parameters.add(size=31415, compressed={"value": True})
        request.response_parameters.add(size=92653, compressed={"value": False})
        self.expect_sizes(self.output_call(request, timeout=TIMEOUT), [31415, 92653])

    def intervals(self):
        request = self.messages.StreamingOutputCallRequest()
        for _ in range(3):
            request.response_parameters.add(size=1, interval_us=30000)
        started = time.monotonic()
        self.expect_sizes(self.output_call(request, timeout=TIMEOUT), [1, 1, 1])
        took = time.monotonic() - started
        expect(took >= 0.09, f"three replies 30 ms apart came within {took} s")

    def ping_pong(self):
        requests = Requests()
        replies = self.duplex_call(iter(requests), timeout=TIMEOUT)
        for request_size, reply_size in zip(REQUEST_SIZES, REPLY_SIZES):
            requests.send(self.asking(request_size, reply_size))
            self.expect_payload(next(replies), reply_size)
        requests.finish()
        self.expect_sizes(replies, [])

    def empty_stream(self):
        self.expect_sizes(self.duplex_call(iter(()), timeout=TIMEOUT), [])

    def half_duplex(self):
        requests = [self.asking(*sizes) for sizes in zip(REQUEST_SIZES, REPLY_SIZES)]
        self.expect_sizes(self.half_duplex_call(iter(requests), timeout=TIMEOUT), REPLY_SIZES)

    def status_code_and_message(self):
        status = {"code": 2, "message": "test status message"}
        request = self.messages.SimpleRequest(response_status=status)
        self.expect_status(
            lambda: self.unary_call(request, timeout=TIMEOUT),
            grpc.StatusCode.UNKNOWN, status["message"])
        request = self.messages.StreamingOutputCallRequest(response_status=status)
        self.expect_status(
            lambda: list(self.duplex_call(iter([request]), timeout=TIMEOUT)),
            grpc.StatusCode.UNKNOWN, status["message"])

    def special_status_message(self):
        request = self.messages.SimpleRequest(response_status={"code": 2, "message": SPECIAL})
        self.expect_status(
            lambda: self.unary_call(request, timeout=TIMEOUT), grpc.StatusCode.UNKNOWN, SPECIAL)

    def unimplemented_method(self):
        self.expect_status(
            lambda: self.no_method(self.messages.Empty(), timeout=TIMEOUT),
            grpc.StatusCode.UNIMPLEMENTED)

    def unimplemented_service(self):
        self.expect_status(
            lambda: self.no_service(self.messages.Empty(), timeout=TIMEOUT),
            grpc.StatusCode.UNIMPLEMENTED)

    def custom_metadata(self):
        sent = ((INITIAL, "test_initial_metadata_value"), (TRAILING, b"\xab\xab\xab"))
        reply, unary = self.unary_call.with_call(self.large(), timeout=TIMEOUT, metadata=sent)
        self.expect_payload(reply, 314159)
        duplex = self.duplex_call(
            iter([self.asking(271828, 314159)]), timeout=TIMEOUT, metadata=sent)
        self.expect_sizes(duplex, [314159])
        for call in (unary, duplex):
            initial, trailing = dict(call.initial_metadata()), dict(call.trailing_metadata())
            expect(initial.get(INITIAL) == "test_initial_metadata_value", f"initial {initial}")
            expect(trailing.get(TRAILING) == b"\xab\xab\xab", f"trailing {trailing}")

    def cancel_after_begin(self):
        requests = Requests()
        call = self.input_call.future(iter(requests), timeout=TIMEOUT)
        call.cancel()
        requests.finish()
        expect(call.cancelled(), "the call is not cancelled")
        expect(call.code() == grpc.StatusCode.CANCELLED, f"{call.code()}")

    def cancel_after_first_response(self):
        requests = Requests()
        call = self.duplex_call(iter(requests), timeout=TIMEOUT)
        requests.send(self.asking(27182, 31415))
        self.expect_payload(next(call), 31415)
        call.cancel()
        self.expect_status(lambda: next(call), grpc.StatusCode.CANCELLED)
        requests.finish()

    def timeout_on_sleeping_server(self):
        requests = Requests()
        requests.send(
            self.messages.StreamingOutputCallRequest(payload=self.messages.zeros(27182)))
        call = self.duplex_call(iter(requests), timeout=0.001)
        self.expect_status(lambda: list(call), grpc.StatusCode.DEADLINE_EXCEEDED)
        requests.finish()

    def slow_consumer(self):
        request = self.messages.StreamingOutputCallRequest()
        for _ in range(2000):
            request.response_parameters.add(size=1030)
        replies = []
        for reply in self.output_call(request, timeout=TIMEOUT):
            time.sleep(0.001)
            replies.append(reply)
        self.expect_sizes(replies, [1030] * 2000)


def main():
    protocols, address = sys.argv[1:]
    cases = Cases(Messages(protocols), address)
    names = [name for name, value in vars(Cases).items()
             if callable(value) and not name.startswith(("_", "expect", "method", "large", "asking"))]
    problems = []
    for name in names:
        try:
            getattr(cases, name)()
        except Exception as error:  # pylint: disable=broad-except
            problems.append(f"{name}: {error}")
            traceback.print_exc()
    print(json.dumps({"steps": len(names), "problems": problems}))


main()
