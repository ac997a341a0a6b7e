// A C++ gRPC server that does what Holdfast does for `bench rpc`: grpc.health.v1.Health/Check.
//
//   health_peer --port N     serves on 127.0.0.1:N until its standard input ends or SIGTERM comes
//
// The callback API, since it is the fastest that gRPC offers in C++, and its own defaults otherwise;
// without TLS, as the server it is compared with. The work for a call is the same: look the service
// up under a lock, answer SERVING or NOT_FOUND. It prints `ready` once it listens.
//
// Exit codes: 0 ended as told, 1 the port could not be had, 64 wrong usage.

#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "health.grpc.pb.h"

namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

class HealthService final : public Health::CallbackService {
    grpc::ServerUnaryReactor* Check(
        grpc::CallbackServerContext* context, const HealthCheckRequest* request,
        HealthCheckResponse* response) override {
        grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
        bool is_known = false;
        {
            const std::lock_guard<std::mutex> guard(lock_);
            const auto found = serving_.find(request->service());
            is_known = found != serving_.end();
            if (is_known) {
                response->set_status(
                    found->second ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING);
            }
        }
        reactor->Finish(
            is_known ? grpc::Status::OK
                     : grpc::Status(grpc::StatusCode::NOT_FOUND, "unknown service"));
        return reactor;
    }

    std::mutex lock_;
    std::map<std::string, bool> serving_ = {{"", true}, {"grpc.health.v1.Health", true}};
};

}  // namespace

int main(int count, char** arguments) {
    const int port = count == 3 && std::strcmp(arguments[1], "--port") == 0
        ? std::atoi(arguments[2]) : 0;
    if (port < 1 || port > 65535) {
        std::fprintf(stderr, "usage: health_peer --port N\n");
        return 64;
    }
    HealthService service;
    grpc::ServerBuilder builder;
    int bound = 0;
    // Two servers on one port would share the calls and nobody would see it.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort(
        "127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(), &bound);
    builder.RegisterService(&service);
    const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    if (!server || bound != port) {
        std::fprintf(stderr, "health_peer: port %d cannot be had\n", port);
        return 1;
    }
    std::puts("ready");
    std::fflush(stdout);
    // Whoever started us holds the other end: when that process ends, however it ends, so do we.
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    server->Shutdown();
    return 0;
}
