// Values survive the way to a real server and back, in binary format.

import Base
import Postgres
import TestServers
import Testing

@Suite struct PostgresValueTests {
    static let id = ID(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210)
    static let instant = Instant(microseconds: 1_763_900_000_123_456)

    static let scalars: [PostgresValue] = [
        .bool(true), .bool(false),
        .int2(.min), .int2(-1), .int2(.max),
        .int4(.min), .int4(0), .int4(.max),
        .int8(.min), .int8(-1), .int8(.max),
        .text(""), .text("plain"), .text("ünïcödé 😀 'quotes' \\ \n\t$1"),
        .text(String(repeating: "é", count: 100_000)),
        .bytea([]), .bytea([0, 255, 0, 1]), .bytea([UInt8](repeating: 7, count: 300_000)),
        .uuid(id), .uuid(ID(high: 0, low: 0)), .uuid(ID(high: .max, low: .max)),
        .timestamptz(instant), .timestamptz(Instant(microseconds: 0)),
        .timestamptz(Instant(microseconds: -1)),
        .timestamptz(Instant(microseconds: 946_684_800_000_000)),
    ]

    static let arrays: [PostgresValue] = [
        .bools([]), .bools([true, false]),
        .int2s([]), .int2s([.min, 0, .max]),
        .int4s([]), .int4s([.min, 0, .max]),
        .int8s([]), .int8s([.min, 0, .max]), .int8s(Array(0..<100_000)),
        .texts([]), .texts(["", "a", "NULL", "{\"x\",}", "日本語"]),
        .byteas([]), .byteas([[], [0], [1, 2, 3]]),
        .uuids([]), .uuids([id, ID(high: 1, low: 2)]),
        .timestamptzs([]), .timestamptzs([instant, Instant(microseconds: 1)]),
    ]

    static let optionals: [PostgresValue] = [
        .optionalBools([nil, true]), .optionalInt2s([1, nil]), .optionalInt4s([nil, nil]),
        .optionalInt8s([nil, .max, nil]), .optionalTexts(["NULL", nil, ""]),
        .optionalByteas([nil, [], [9]]), .optionalUUIDs([id, nil]),
        .optionalTimestamptzs([nil, instant]), .optionalInt8s([]),
    ]

    @Test func `a value comes back as it was sent`() async throws {
        try await withClient { (client) async throws in
            for value in Self.scalars + Self.arrays + Self.optionals {
                let oid = try #require(value.oid)
                let select = Statement(name: "v\(oid)", sql: "SELECT $1", parameterTypes: [oid])
                let result = try await client.execute(select, [value])
                #expect(result.count == 1)
                #expect(Self.read(result[0], like: value) == value)
            }
        }
    }

    @Test func `the server understands what a value means`() async throws {
        try await withClient { (client) async throws in
            let result = try await client.execute(
                statement(
                    "SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $6::text",
                    OID.uuid,
                    OID.timestamptz,
                    OID.texts,
                    OID.bytea,
                    OID.int8s,
                    OID.bool,
                ),
                [
                    .uuid(Self.id), .timestamptz(Instant(microseconds: 1_500_000)),
                    .optionalTexts(["a", nil]), .bytea([1, 255]), .int8s([-1, 2]), .bool(true),
                ],
            )
            let row = result[0]
            #expect(row.text(0) == Self.id.description)
            #expect(row.text(1) == "1970-01-01 00:00:01.5+00")
            #expect(row.text(2) == "{a,NULL}")
            #expect(row.text(3) == "\\x01ff")
            #expect(row.text(4) == "{-1,2}")
            #expect(row.text(5) == "true")
        }
    }

    @Test(arguments: [
        OID.bool, OID.int2, OID.int4, OID.int8, OID.text, OID.bytea, OID.uuid, OID.timestamptz,
        OID.int8s, OID.texts,
    ])
    func `a null has every type`(oid: UInt32) async throws {
        try await withClient { (client) async throws in
            let select = Statement(name: "n\(oid)", sql: "SELECT $1", parameterTypes: [oid])
            let row = try await client.execute(select, [.null])[0]
            #expect(row.isNull(0))
            switch oid {
            case OID.bool: #expect(row.optionalBool(0) == nil)
            case OID.int8: #expect(row.optionalInt8(0) == nil)
            case OID.text: #expect(row.optionalText(0) == nil)
            case OID.int8s: #expect(row.optionalInt8s(0) == nil)
            default: break
            }
        }
    }

    @Test func `names, counts and affected rows are told`() async throws {
        try await withClient { (client) async throws in
            try await client.simple("CREATE TABLE t (a bigint, b varchar(9), c json)")
            let insert = statement(
                "INSERT INTO t SELECT unnest($1), $2, $3",
                OID.int8s,
                OID.varchar,
                OID.json,
            )
            let values: [PostgresValue] = [.int8s([1, 2, 3]), .text("b"), .text("{}")]
            let inserted = try await client.execute(insert, values)
            #expect(inserted.affectedRows == 3)
            #expect(inserted.isEmpty)
            let rows = try await client.execute(statement("SELECT a, b, c FROM t ORDER BY a"), [])
            #expect(rows.columnNames == ["a", "b", "c"])
            #expect(rows.column("b") == 1)
            #expect(rows.map { $0.int8(0) } == [1, 2, 3])
            #expect(rows[2].text(1) == "b")
            #expect(rows[2].text(2) == "{}")
        }
    }

    @Test func `asking for another type than the column has stops the process`() async throws {
        let conninfo = try PostgresServer.shared().createDatabase()
        let outcome = await #expect(
            processExitsWith: .failure,
            observing: [\.standardErrorContent],
        ) { [conninfo = conninfo as String] in
            let client = PostgresClient(
                configuration: PostgresConfiguration(conninfo: conninfo)
            )
            try client.start()
            let select = Statement(name: "s", sql: "SELECT 1::int4 AS number")
            _ = try await client.execute(select, [])[0].int8(0)
        }
        let text = String(decoding: outcome?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("column number has type 23, asked as 20"))
    }

    private static func read(_ row: PostgresRow, like value: PostgresValue) -> PostgresValue {
        switch value {
        case .null: .null
        case .bool: .bool(row.bool(0))
        case .int2: .int2(row.int2(0))
        case .int4: .int4(row.int4(0))
        case .int8: .int8(row.int8(0))
        case .text: .text(row.text(0))
        case .bytea: .bytea(row.bytea(0))
        case .uuid: .uuid(row.uuid(0))
        case .timestamptz: .timestamptz(row.timestamptz(0))
        case .bools: .bools(row.bools(0))
        case .int2s: .int2s(row.int2s(0))
        case .int4s: .int4s(row.int4s(0))
        case .int8s: .int8s(row.int8s(0))
        case .texts: .texts(row.texts(0))
        case .byteas: .byteas(row.byteas(0))
        case .uuids: .uuids(row.uuids(0))
        case .timestamptzs: .timestamptzs(row.timestamptzs(0))
        case .optionalBools: .optionalBools(row.optionalBools(0) ?? [])
        case .optionalInt2s: .optionalInt2s(row.optionalInt2s(0) ?? [])
        case .optionalInt4s: .optionalInt4s(row.optionalInt4s(0) ?? [])
        case .optionalInt8s: .optionalInt8s(row.optionalInt8s(0) ?? [])
        case .optionalTexts: .optionalTexts(row.optionalTexts(0) ?? [])
        case .optionalByteas: .optionalByteas(row.optionalByteas(0) ?? [])
        case .optionalUUIDs: .optionalUUIDs(row.optionalUUIDs(0) ?? [])
        case .optionalTimestamptzs: .optionalTimestamptzs(row.optionalTimestamptzs(0) ?? [])
        }
    }
}
