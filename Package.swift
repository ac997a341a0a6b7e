// swift-tools-version: 6.2
import PackageDescription

/// The one set of compiler settings; every target of ours uses it.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    // Generic code of one module (batches of a turn, ids) is specialised where another uses it;
    // without that it asks the runtime for metadata at every step of a call.
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
    // What belongs to one loop is asked for many times a call; to note each access cost a tenth of all
    // instructions. Debug builds and the sanitizers' still check that no two accesses overlap.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

/// The settings of generated code, which does not spell out what is unsafe.
let generated: [SwiftSetting] = [.swiftLanguageMode(.v6)]

/// A module of ours; its list of dependencies is the architecture, see Sources/README.md.
func module(
    _ name: String,
    _ dependencies: [Target.Dependency],
    resources: [Resource] = [],
) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        resources: resources,
        swiftSettings: strict,
    )
}

func tests(
    _ name: String,
    _ dependencies: [Target.Dependency],
    path: String? = nil,
) -> Target {
    .testTarget(name: name, dependencies: dependencies, path: path, swiftSettings: strict)
}

let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]
let tls: [Target.Dependency] = [
    .product(name: "NIOSSL", package: "swift-nio-ssl"),
    .product(name: "NIOTLS", package: "swift-nio"),
]
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "holdfast",
    products: [],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(
            url: "https://github.com/apple/swift-configuration",
            from: "1.4.0",
            traits: ["JSON", "CommandLineArguments"],
        ),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.5.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CNghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CLibpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),

        module("Base", []),
        module("Loop", ["Base", deque] + nio),
        module("Domain", ["Base"]),
        module("Routing", ["Base", "Domain"]),
        module("Promising", ["Base", "Domain", "Routing", crypto]),
        .target(
            name: "Messages",
            dependencies: [protobuf],
            swiftSettings: generated,
        ),
        module(
            "RPC",
            ["Base", "Loop", "CNghttp2", "CZlib", protobuf, logging, deque] + nio + tls,
        ),
        module("Redis", ["Base", "Loop", "CHiredis", deque] + nio),
        module(
            "Postgres",
            ["Base", "CLibpq", deque],
            resources: [.embedInCode("Statements")],
        ),
        module(
            "Gate",
            ["Base", "Domain", "Loop", "Promising", "Redis", crypto, logging] + nio,
            resources: [.embedInCode("Scripts")],
        ),
        module(
            "Ledger",
            ["Base", "Domain", "Loop", "Postgres", "Promising", crypto, deque, logging] + nio,
            resources: [.embedInCode("Migrations"), .embedInCode("Statements")],
        ),
        module(
            "API",
            [
                "Base", "Domain", "Promising", "RPC", "Routing", "Messages", "Loop", protobuf,
                crypto,
            ] + nio,
            resources: [.embedInCode("Descriptors")],
        ),

        module("Workers", ["Base", "Domain", "Loop", "Promising", logging] + nio),

        tests("DomainTests", ["Base", "Domain"]),
        .testTarget(
            name: "RoutingTests",
            dependencies: ["Base", "Domain", "Routing"],
            exclude: ["Optimiser"],
            swiftSettings: strict,
        ),
        tests("PromisingTests", ["Base", "Domain", "Promising"]),
        tests(
            "LedgerTests",
            ["Base", "Domain", "Ledger", "Loop", "Postgres", "Promising", "TestServers", logging]
                + nio,
        ),
        tests(
            "APITests",
            ["Base", "Domain", "Loop", "Promising", "RPC", "API", "Messages", protobuf] + nio,
        ),
        module("Telemetry", ["Base"]),
        .executableTarget(
            name: "holdfast",
            dependencies: [
                "API", "Base", "Gate", "Ledger", "Loop", "Messages", "Postgres", "Promising", "RPC",
                "Redis", "Telemetry", "Workers",
                protobuf, arguments, crypto, logging,
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ] + nio,
            swiftSettings: strict,
        ),

        .target(
            name: "LoadKit",
            dependencies: [
                "Base", "Loop", "Messages", "Postgres", "RPC", "Redis", "TestServers", protobuf,
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ] + nio,
            path: "loadtest/LoadKit",
            resources: [.embedInCode("Statements")],
            swiftSettings: strict,
        ),
        .executableTarget(
            name: "holdfast-load",
            dependencies: ["LoadKit", arguments],
            path: "loadtest/Command",
            swiftSettings: strict,
        ),
        .target(
            name: "CAllocations",
            path: "loadtest/Micro/CAllocations",
            cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])],
        ),
        .executableTarget(
            name: "holdfast-micro",
            dependencies: [
                "API", "Base", "CAllocations", "Domain", "Gate", "Ledger", "Messages", "Promising",
                "RPC", "Redis", "Routing", protobuf, arguments,
            ],
            path: "loadtest/Micro/Command",
            swiftSettings: strict,
        ),
        .target(
            name: "InteropMessages",
            dependencies: [protobuf],
            path: "loadtest/Interop/Messages",
            swiftSettings: generated,
        ),
        .executableTarget(
            name: "holdfast-interop",
            dependencies: [
                "Base", "InteropMessages", "Loop", "RPC", protobuf, arguments, logging,
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ] + nio,
            path: "loadtest/Interop/Command",
            resources: [.embedInCode("Descriptors")],
            swiftSettings: strict,
        ),
        .testTarget(
            name: "LoadTests",
            dependencies: ["Base", "LoadKit", "Messages", "RPC", protobuf],
            resources: [.copy("Samples")],
            swiftSettings: strict,
        ),

        .target(name: "TestServers", path: "Tests/TestServers", swiftSettings: strict),
        tests("PostgresTests", ["Postgres", "Base", "TestServers"]),
        tests("RedisTests", ["Redis", "Base", "Loop", "TestServers"] + nio),
        tests("RPCTests", ["Base", "Loop", "RPC", "TestServers", protobuf, logging] + nio + tls),

        tests(
            "GateTests",
            ["Base", "Domain", "Gate", "Loop", "Promising", "Redis", "TestServers", logging] + nio,
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "API", "Base", "LoadKit", "Loop", "Messages", "RPC", "TestServers", "holdfast",
                protobuf,
            ] + nio,
            path: "Tests/EndToEnd",
            exclude: ["Python", "Cases"],
            swiftSettings: strict,
        ),

        tests("TidyTests", [], path: "Tests/Tidy"),
        tests("TelemetryTests", ["Base", "Telemetry"]),
        tests(
            "CommandTests",
            ["API", "Base", "Loop", "Messages", "RPC", "Telemetry", "holdfast"]
                + [protobuf, logging, arguments] + nio,
        ),
    ],
)
