# What the Python ends of the interoperability tests share: the messages of grpc.testing, made from the
# .proto files, and the numbers of the public test descriptions.
import os
import sys
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

SERVICE = "grpc.testing.TestService"
INITIAL = "x-grpc-test-echo-initial"
TRAILING = "x-grpc-test-echo-trailing-bin"
REQUEST_SIZES = [27182, 8, 1828, 45904]
REPLY_SIZES = [31415, 9, 2653, 58979]
OPTIONS = [("grpc.max_receive_message_length", 1 << 24), ("grpc.max_send_message_length", 1 << 24)]


class Messages:
    """The messages of grpc.testing, as attributes."""

    def __init__(self, protocols):
        with tempfile.TemporaryDirectory() as out:
            target = os.path.join(out, "descriptors")
            code = protoc.main(
                ["protoc", f"-I{protocols}", "--include_imports", f"--descriptor_set_out={target}",
                 "grpc/testing/test.proto"]
            )
            if code != 0:
                sys.exit(f"protoc ended with {code}")
            self.pool = descriptor_pool.DescriptorPool()
            with open(target, "rb") as file:
                for entry in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
                    self.pool.Add(entry)
        for name in ("Empty", "Payload", "SimpleRequest", "SimpleResponse",
                     "StreamingInputCallRequest", "StreamingInputCallResponse",
                     "StreamingOutputCallRequest", "StreamingOutputCallResponse"):
            descriptor = self.pool.FindMessageTypeByName("grpc.testing." + name)
            setattr(self, name, message_factory.GetMessageClass(descriptor))

    def zeros(self, size):
        return self.Payload(body=bytes(size))
