# A foreign server of the interoperability tests, on grpcio.
#
# usage: interop_server.py PROTOCOLS
# Prints `listening on PORT` and serves until it is killed. grpcio does not tell a handler whether a
# request was compressed, so `expect_compressed` is not looked at.
import sys
import time
from concurrent import futures

import grpc

from interop import INITIAL, OPTIONS, SERVICE, TRAILING, Messages


class Service:
    def __init__(self, messages):
        self.messages = messages

    def echo(self, context):
        for key, value in context.invocation_metadata():
            if key == INITIAL:
                context.send_initial_metadata(((key, value),))
            elif key == TRAILING:
                context.set_trailing_metadata(((key, value),))

    def end_as_asked(self, request, context):
        if request.HasField("response_status") and request.response_status.code != 0:
            codes = {code.value[0]: code for code in grpc.StatusCode}
            context.abort(codes[request.response_status.code], request.response_status.message)

    def replies(self, request, context):
        self.end_as_asked(request, context)
        for parameters in request.response_parameters:
            time.sleep(parameters.interval_us / 1e6)
            if not parameters.compressed.value:
                context.disable_next_message_compression()
            payload = self.messages.zeros(parameters.size)
            yield self.messages.StreamingOutputCallResponse(payload=payload)

    def EmptyCall(self, request, context):
        self.echo(context)
        return self.messages.Empty()

    def UnaryCall(self, request, context):
        if request.response_compressed.value:
            context.set_compression(grpc.Compression.Gzip)
        self.echo(context)
        self.end_as_asked(request, context)
        return self.messages.SimpleResponse(payload=self.messages.zeros(request.response_size))

    def StreamingOutputCall(self, request, context):
        if any(parameters.compressed.value for parameters in request.response_parameters):
            context.set_compression(grpc.Compression.Gzip)
        self.echo(context)
        yield from self.replies(request, context)

    def StreamingInputCall(self, requests, context):
        self.echo(context)
        size = sum(len(request.payload.body) for request in requests)
        return self.messages.StreamingInputCallResponse(aggregated_payload_size=size)

    def FullDuplexCall(self, requests, context):
        self.echo(context)
        for request in requests:
            yield from self.replies(request, context)

    def HalfDuplexCall(self, requests, context):
        self.echo(context)
        for request in list(requests):
            yield from self.replies(request, context)

    def handlers(self):
        output = self.messages.StreamingOutputCallRequest, self.messages.StreamingOutputCallResponse
        methods = {
            "EmptyCall": (self.messages.Empty, self.messages.Empty,
                          grpc.unary_unary_rpc_method_handler),
            "UnaryCall": (self.messages.SimpleRequest, self.messages.SimpleResponse,
                          grpc.unary_unary_rpc_method_handler),
            "StreamingOutputCall": (*output, grpc.unary_stream_rpc_method_handler),
            "StreamingInputCall": (self.messages.StreamingInputCallRequest,
                                   self.messages.StreamingInputCallResponse,
                                   grpc.stream_unary_rpc_method_handler),
            "FullDuplexCall": (*output, grpc.stream_stream_rpc_method_handler),
            "HalfDuplexCall": (*output, grpc.stream_stream_rpc_method_handler),
        }
        return {
            name: make(getattr(self, name), request_deserializer=request.FromString,
                       response_serializer=reply.SerializeToString)
            for name, (request, reply, make) in methods.items()
        }


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=OPTIONS)
    service = Service(Messages(sys.argv[1]))
    handler = grpc.method_handlers_generic_handler(SERVICE, service.handlers())
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening on {port}", flush=True)
    server.wait_for_termination()


main()
