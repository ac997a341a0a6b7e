# A foreign client: runs the cases of a JSON file against a server through grpcio, and prints for each
# step what it found. It shares nothing with our own client but the file and the .proto files.
#
# usage: client.py PROTOCOLS HOST:PORT CASES RUN [TOKENS]
# TOKENS is a JSON object: by the name that a step has under "as", "" for steps without.
# Prints one JSON object: {"steps": N, "problems": ["case, step: what is wrong", ...]}
import json
import os
import re
import sys
import tempfile

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc_tools import protoc


def load_protocols(folder, out):
    files = [
        "google/rpc/error_details.proto", "google/rpc/status.proto",
        "grpc/health/v1/health.proto", "holdfast/v1/fulfilment.proto",
        "holdfast/v1/inventory.proto", "holdfast/v1/orders.proto",
        "holdfast/v1/reservations.proto", "holdfast/v1/routing.proto",
    ]
    well_known = os.path.join(os.path.dirname(protoc.__file__), "_proto")
    target = os.path.join(out, "descriptors")
    code = protoc.main(
        ["protoc", f"-I{folder}", f"-I{well_known}", "--include_imports",
         f"--descriptor_set_out={target}"] + files
    )
    if code != 0:
        sys.exit(f"protoc ended with {code}")
    pool = descriptor_pool.DescriptorPool()
    with open(target, "rb") as file:
        for entry in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
            pool.Add(entry)
    return pool


def expand(value, names):
    """Fills in ${name}, {"$repeat": [text, n]} and {"$times": [n, entry]}."""
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)\}", lambda match: str(names[match.group(1)]), value)
    if isinstance(value, list):
        return [expand(entry, names) for entry in value]
    if isinstance(value, dict):
        if "$repeat" in value:
            text, count = value["$repeat"]
            return text * count
        if "$times" in value:
            count, entry = value["$times"]
            return [expand(entry, {**names, "i": number}) for number in range(count)]
        return {key: expand(entry, names) for key, entry in value.items()}
    return value


def look_up(answer, path):
    for part in path.split("."):
        if isinstance(answer, list):
            answer = answer[int(part)] if int(part) < len(answer) else None
        else:
            answer = (answer or {}).get(part)
    return "" if answer is None else str(answer)


def open_channel(address):
    """With certificates when the environment names their files."""
    contents = []
    for name in ("CA", "KEY", "CERTIFICATE"):
        path = os.environ.get(f"HOLDFAST_TEST_TLS_{name}")
        if path is None:
            contents.append(None)
            continue
        with open(path, "rb") as file:
            contents.append(file.read())
    if contents[0] is None:
        return grpc.insecure_channel(address)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(*contents))


class Runner:
    def __init__(self, pool, address, names, tokens):
        self.tokens = tokens
        self.channel = open_channel(address)
        self.names = names
        self.pool = pool
        self.problems = []
        self.steps = 0

    def message(self, name):
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))

    def details(self, error):
        """Reason and fields of a refusal."""
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                status = self.message("google.rpc.Status").FromString(value)
                break
        else:
            return None, []
        reason, fields, named = None, [], []
        for detail in status.details:
            kind = detail.type_url.split("/")[-1]
            if kind == "google.rpc.ErrorInfo":
                info = self.message(kind).FromString(detail.value)
                reason = info.reason
                named = [info.metadata["field"]] if "field" in info.metadata else []
            elif kind == "google.rpc.BadRequest":
                bad = self.message(kind).FromString(detail.value)
                fields += [violation.field for violation in bad.field_violations]
        return reason, fields + named

    def run(self, name, step):
        self.steps += 1
        problems = []
        service, method = step["call"].split("/")
        try:
            descriptor = self.pool.FindServiceByName(service).FindMethodByName(method)
        except KeyError:
            descriptor = None
        if "bytes" in step or descriptor is None:
            data = bytes.fromhex(step.get("bytes", ""))
        else:
            request = self.message(descriptor.input_type.full_name)()
            json_format.ParseDict(expand(step["request"], self.names), request)
            data = request.SerializeToString()
        call = self.channel.unary_unary("/" + step["call"])
        code, reason, fields, answer = "OK", None, [], {}
        metadata = [tuple(pair) for pair in step.get("metadata", [])]
        token = self.tokens.get(step.get("as", ""))
        if token:
            metadata.append(("authorization", f"Bearer {token}"))
        try:
            reply = call(data, timeout=20, metadata=metadata)
            message = self.message(descriptor.output_type.full_name).FromString(reply)
            answer = json_format.MessageToDict(message, preserving_proto_field_name=True)
        except grpc.RpcError as error:
            code = error.code().name
            reason, fields = self.details(error)
            if code != step.get("code", "OK"):
                problems.append(error.details())
        if code != step.get("code", "OK"):
            problems.append(f"code {code}, not {step.get('code', 'OK')}")
        if "reason" in step and reason != step["reason"]:
            problems.append(f"reason {reason}, not {step['reason']}")
        if "field" in step and step["field"] not in fields:
            problems.append(f"fields {fields}, not {step['field']}")
        for path, expected in step.get("expect", {}).items():
            found = look_up(answer, path)
            if found != str(expand(expected, self.names)):
                problems.append(f"{path} is {found!r}, not {expected!r}")
        for key, path in step.get("capture", {}).items():
            self.names[key] = look_up(answer, path)
        self.problems += [f"{name}, {step['call']}: {problem}" for problem in problems]


def main():
    protocols, address, cases, run = sys.argv[1:5]
    tokens = json.loads(sys.argv[5]) if len(sys.argv) > 5 else {}
    with tempfile.TemporaryDirectory() as out, open(cases, encoding="utf-8") as file:
        runner = Runner(load_protocols(protocols, out), address, {"run": run}, tokens)
        for case in json.load(file):
            for step in case["steps"]:
                runner.run(case["name"], step)
        json.dump({"steps": runner.steps, "problems": runner.problems}, sys.stdout)


if __name__ == "__main__":
    main()
