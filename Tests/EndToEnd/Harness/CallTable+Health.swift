// The health check's messages, which the module RPC keeps to itself.

@testable import RPC

let healthCheck = WireMethod(
    Grpc_Health_V1_HealthCheckRequest.self,
    Grpc_Health_V1_HealthCheckResponse.self,
)
