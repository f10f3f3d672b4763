"""A gRPC server without generated code: origin_grpc.py ADDRESS CERTIFICATE KEY LOG. Messages are bytes; what it sees is in LOG."""
import json
import sys
import time
from concurrent import futures

import grpc

ADDRESS, CERTIFICATE, KEY, LOG = sys.argv[1:]
LOG = open(LOG, "a", buffering=1)


def note(event, context):
    LOG.write(json.dumps({"event": event, "metadata": [(k, str(v)) for k, v in context.invocation_metadata()]}) + "\n")


def unary(request, context):
    note("unary", context)
    context.send_initial_metadata((("x-initial", "1"),))
    context.set_trailing_metadata((("x-trailing", "2"), ("x-trailing-bin", b"\0\1\xff")))
    return request[::-1]


def fail(request, context):
    context.set_trailing_metadata((("x-why", "because"),))
    context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: \u00f6 %")


def fail_late(request, context):
    yield b"one"
    context.abort(grpc.StatusCode.DATA_LOSS, "late")


def gather(requests, context):
    return str(sum(len(r) for r in requests)).encode()


def count(request, context):
    for i in range(int(request)):
        yield str(i).encode()


def echo(requests, context):
    for request in requests:
        yield request


def wait(request, context):
    context.add_callback(lambda: note("wait ended", context))
    while context.is_active():
        time.sleep(0.01)
    return b""


def tick(request, context):
    context.add_callback(lambda: note("tick ended", context))
    while context.is_active():
        yield b"tick"
        time.sleep(0.01)


HANDLERS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary), "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "FailLate": grpc.unary_stream_rpc_method_handler(fail_late), "Gather": grpc.stream_unary_rpc_method_handler(gather),
    "Count": grpc.unary_stream_rpc_method_handler(count), "Echo": grpc.stream_stream_rpc_method_handler(echo),
    "Wait": grpc.unary_unary_rpc_method_handler(wait), "Tick": grpc.unary_stream_rpc_method_handler(tick),
    "Denied": grpc.unary_unary_rpc_method_handler(unary),
}

server = grpc.server(futures.ThreadPoolExecutor(80), options=[("grpc.max_receive_message_length", 64 << 20)])
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", HANDLERS),))
server.add_secure_port(f"{ADDRESS}:443", grpc.ssl_server_credentials([(open(KEY, "rb").read(), open(CERTIFICATE, "rb").read())]))
server.start()
server.wait_for_termination()
