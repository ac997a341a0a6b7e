// What people type: lines, prices, lengths of time and addresses.

import ArgumentParser
import Messages
import RPC
import SwiftProtobuf
import Testing

@testable import holdfast

@Suite struct ArgumentTests {
    @Test(
        arguments: [
            ("85123A@LDN-DC=2", "85123A", "LDN-DC", 2, nil),
            ("BANK CHARGES@LDN-DC=1", "BANK CHARGES", "LDN-DC", 1, nil),
            ("a@b@NODE=3", "a@b", "NODE", 3, nil),
            ("a=b@NODE=3", "a=b", "NODE", 3, nil),
            ("a:b@NODE=3:2.55", "a:b", "NODE", 3, "2.55"),
            ("X@N=-4", "X", "N", -4, nil),
        ] as [(String, String, String, Int64, String?)]
    )
    func `a line is split from its right end`(
        text: String,
        sku: String,
        node: String,
        quantity: Int64,
        price: String?,
    ) {
        let position = PositionArgument(sku: sku, node: node)
        let expected = LineArgument(position: position, quantity: quantity, price: price)
        #expect(LineArgument(argument: text) == expected)
    }

    @Test(arguments: [
        "", "X", "X@N", "X=1", "@N=1", "X@=1", "X@N=", "X@N=two", "X@N=1.5", "X@N=1e3",
        "X@N=99999999999999999999",
    ])
    func `anything else is no line`(text: String) {
        #expect(LineArgument(argument: text) == nil)
    }

    @Test(
        arguments: [
            ("GBP", "2.55", 255), ("GBP", "2.5", 250), ("GBP", "2", 200), ("GBP", "0.29", 29),
            ("GBP", "1.10", 110), ("GBP", "4.35", 435),
            ("GBP", "90071992547409.93", 9_007_199_254_740_993),
            ("JPY", "300", 300), ("KWD", "1.250", 1_250), ("KWD", "1.25", 1_250),
            ("CLF", "1.0001", 10_001),
        ] as [(String, String, Int64)]
    )
    func `a price is read exactly`(code: String, text: String, minor: Int64) throws {
        let currency = try #require(Currency(code))
        #expect(currency.parse(text) == minor)
    }

    @Test(arguments: [
        ("GBP", "2.555"), ("JPY", "3.0"), ("GBP", "-1"), ("GBP", "+1"), ("GBP", "1,50"),
        ("GBP", ".5"), ("GBP", "5."), ("GBP", "1.2.3"), ("GBP", ""), ("GBP", "1e2"),
        ("GBP", "99999999999999999999"), ("GBP", "٣"),
    ])
    func `anything else is no price`(code: String, text: String) throws {
        let currency = try #require(Currency(code))
        #expect(currency.parse(text) == nil)
    }

    @Test(
        arguments: [
            ("GBP", 5, "0.05"), ("GBP", 510, "5.10"), ("GBP", 0, "0.00"), ("GBP", -255, "-2.55"),
            ("JPY", 300, "300"), ("KWD", 7, "0.007"), ("KWD", 12_345, "12.345"),
        ] as [(String, Int64, String)]
    )
    func `a price is written with the digits of its currency`(
        code: String,
        minor: Int64,
        text: String,
    ) throws {
        #expect(try #require(Currency(code)).text(minor) == text)
    }

    @Test(arguments: ["gbp", "GB", "GBPX", "", "£££", "G1P"])
    func `a currency has three capital letters`(code: String) {
        #expect(Currency(code) == nil)
    }

    @Test(
        arguments: [
            ("90s", 90_000), ("15m", 900_000), ("2h", 7_200_000), ("1h30m", 5_400_000),
            ("250ms", 250), ("30", 30_000), ("1d", 86_400_000), ("0", 0),
        ] as [(String, Int64)]
    )
    func `a length of time has units`(text: String, milliseconds: Int64) {
        #expect(parseDuration(text) == milliseconds)
    }

    @Test(arguments: ["", "m", "-5s", "-5", "1w", "1.5h", "5 m", "99999999999999999d"])
    func `anything else is no length of time`(text: String) {
        #expect(parseDuration(text) == nil)
    }

    @Test func `an address has a host and a port`() {
        #expect(AddressArgument(argument: "db:50051")?.host == "db")
        #expect(AddressArgument(argument: "[::1]:50051")?.host == "::1")
        for text in ["db", "db:", ":1", "db:0", "db:65536", "db:x"] {
            #expect(AddressArgument(argument: text) == nil, "\(text)")
        }
    }

    @Test func `a moment is read in UTC and written back`() throws {
        let moment = try #require(parseMoment("2026-11-23T07:49:46Z"))
        #expect(momentText(moment) == "2026-11-23 07:49:46Z")
        #expect(parseMoment("2026-11-23")?.seconds == 1_795_392_000)
        #expect(parseMoment("2026-11-23T09:49:46+02:00") == moment)
        #expect(parseMoment("yesterday") == nil)
    }

    @Test func `a correction may be below zero without looking like an option`() throws {
        let arguments = ["stock", "adjust", "85123A@LDN-DC=-3", "--reason", "damage"]
        let command = try #require(try Holdfast.parseAsRoot(arguments) as? StockAdjust)
        #expect(command.lines.map(\.quantity) == [-3])
        #expect(command.reason.value == .damage)
    }

    @Test(arguments: [
        ["reserve"],
        ["reserve", "85123A@LDN-DC=2:2.55"],
        ["stock", "adjust", "A@N=1"],
        ["stock", "adjust", "A@N=1", "--reason", "unspecified"],
        ["stock", "transfer", "A=1", "--from", "X"],
        ["stock", "transfer", "--land", "id", "A=1"],
        ["order", "place", "A@N=1", "--channel", "w", "--external-id", "1", "--currency", "GBP"],
        [
            "order", "place", "A@N=1:0.5", "--channel", "w", "--external-id", "1", "--currency",
            "JPY",
        ],
        ["order", "show"],
        ["order", "show", "id", "--key", "k"],
        ["order", "show", "--channel", "w"],
        ["reservation", "show", "id", "--key", "k"],
        ["stock", "ledger", "A@N", "--rows", "0"],
        ["stock", "import", "f", "--parallel", "65"],
    ])
    func `wrong usage is told before anything is sent`(arguments: [String]) {
        #expect(throws: (any Error).self) { try Holdfast.parseAsRoot(arguments) }
    }

    @Test func `a server and a timeout come from the flag, then the environment`() throws {
        let plain = try CallOptions.parse([])
        #expect(try plain.address([:]) == AddressArgument(argument: "127.0.0.1:50051"))
        #expect(try plain.address(["HOLDFAST_SERVER": "a:1"]).host == "a")
        #expect(try plain.timeoutMs(["HOLDFAST_TIMEOUT": "0.5"]) == 500)
        let flags = try CallOptions.parse(["--server", "b:2", "--timeout", "3"])
        #expect(try flags.address(["HOLDFAST_SERVER": "a:1"]).host == "b")
        #expect(try flags.timeoutMs(["HOLDFAST_TIMEOUT": "0.5"]) == 3_000)
        #expect(throws: CommandError.self) { try plain.address(["HOLDFAST_SERVER": "a"]) }
        #expect(throws: CommandError.self) { try plain.timeoutMs(["HOLDFAST_TIMEOUT": "0"]) }
    }

    @Test func `any option of TLS means TLS, a flag before the environment`() throws {
        let plain = try CallOptions.parse([]).tls
        #expect(try plain.settings([:]) == nil)
        #expect(try plain.settings(["HOLDFAST_TLS": "true"]) == ClientTLS())
        #expect(try plain.settings(["HOLDFAST_TLS": "false"]) == nil)
        #expect(throws: CommandError.self) { try plain.settings(["HOLDFAST_TLS": "yes"]) }
        let environment = [
            "HOLDFAST_TLS_CA": "e.pem", "HOLDFAST_TLS_CLIENT_CERTIFICATE": "c.pem",
            "HOLDFAST_TLS_CLIENT_KEY": "c.key", "HOLDFAST_TLS_SERVER_NAME": "e.example",
        ]
        let identity = ClientTLS.Identity(certificateFile: "c.pem", keyFile: "c.key")
        var expected = ClientTLS(
            trustRootsFile: "e.pem",
            identity: identity,
            serverName: "e.example",
        )
        #expect(try plain.settings(environment) == expected)
        let flags = try CallOptions.parse(["--tls-ca", "f.pem", "--tls-server-name", "f"]).tls
        expected.trustRootsFile = "f.pem"
        expected.serverName = "f"
        #expect(try flags.settings(environment) == expected)
        let half = try CallOptions.parse(["--tls-key", "k"]).tls
        #expect(throws: CommandError.self) { try half.settings([:]) }
        // The server's own certificate is not ours to show.
        #expect(try plain.settings(["HOLDFAST_TLS_CERTIFICATE": "s.pem"]) == nil)
    }
}
