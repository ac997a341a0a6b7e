// Rows in binary format, read in place from the memory of libpq. A result is never changed after it
// was received, so any thread may read it. Asking for another type than the column has is a
// mistake of our own code and stops the process.

package import Base
internal import CLibpq

/// What one statement returned.
package struct PostgresResult: Sendable {
    let box: ResultBox

    /// Rows returned.
    package var count: Int { box.rowCount }
    /// Rows inserted, updated, deleted or selected; 0 for other commands.
    package var affectedRows: Int { box.affectedRows }
    package var columnNames: [String] { (0..<box.columnCount).map { box.columnName($0) } }

    /// The index of the first column of this name; a missing column stops the process.
    package func column(_ name: String) -> Int {
        guard let index = columnNames.firstIndex(of: name) else {
            invariantBroken("the result has no column \(name)")
        }
        return index
    }
}

extension PostgresResult: RandomAccessCollection {
    package var startIndex: Int { 0 }
    package var endIndex: Int { count }

    package subscript(row: Int) -> PostgresRow {
        invariant(row >= 0 && row < count, "row \(row) of \(count)")
        return PostgresRow(box: box, row: row)
    }
}

/// One row of a result; columns count from 0.
package struct PostgresRow: Sendable {
    let box: ResultBox
    let row: Int

    package func isNull(_ column: Int) -> Bool { box.isNull(row, column) }

    package func bool(_ column: Int) -> Bool { required(optionalBool(column), column) }
    package func int2(_ column: Int) -> Int16 { required(optionalInt2(column), column) }
    package func int4(_ column: Int) -> Int32 { required(optionalInt4(column), column) }
    package func int8(_ column: Int) -> Int64 { required(optionalInt8(column), column) }
    package func text(_ column: Int) -> String { required(optionalText(column), column) }
    package func bytea(_ column: Int) -> [UInt8] { required(optionalBytea(column), column) }
    package func uuid(_ column: Int) -> ID { required(optionalUUID(column), column) }
    package func timestamptz(_ column: Int) -> Instant {
        required(optionalTimestamptz(column), column)
    }

    package func optionalBool(_ column: Int) -> Bool? {
        unsafe value(column, OID.bool, Bool.init(binary:))
    }
    package func optionalInt2(_ column: Int) -> Int16? {
        unsafe value(column, OID.int2, Int16.init(binary:))
    }
    package func optionalInt4(_ column: Int) -> Int32? {
        unsafe value(column, OID.int4, Int32.init(binary:))
    }
    package func optionalInt8(_ column: Int) -> Int64? {
        unsafe value(column, OID.int8, Int64.init(binary:))
    }
    package func optionalText(_ column: Int) -> String? {
        unsafe value(column, OID.text, String.init(binary:))
    }
    package func optionalBytea(_ column: Int) -> [UInt8]? {
        unsafe value(column, OID.bytea, [UInt8].init(binary:))
    }
    package func optionalUUID(_ column: Int) -> ID? {
        unsafe value(column, OID.uuid, ID.init(binary:))
    }
    package func optionalTimestamptz(_ column: Int) -> Instant? {
        unsafe value(column, OID.timestamptz, Instant.init(binary:))
    }

    /// Arrays; an element that is null stops the process (the `optional…` variants allow it).
    package func bools(_ column: Int) -> [Bool] { elements(optionalBools(column), column) }
    package func int2s(_ column: Int) -> [Int16] { elements(optionalInt2s(column), column) }
    package func int4s(_ column: Int) -> [Int32] { elements(optionalInt4s(column), column) }
    package func int8s(_ column: Int) -> [Int64] { elements(optionalInt8s(column), column) }
    package func texts(_ column: Int) -> [String] { elements(optionalTexts(column), column) }
    package func byteas(_ column: Int) -> [[UInt8]] { elements(optionalByteas(column), column) }
    package func uuids(_ column: Int) -> [ID] { elements(optionalUUIDs(column), column) }
    package func timestamptzs(_ column: Int) -> [Instant] {
        elements(optionalTimestamptzs(column), column)
    }

    /// Arrays whose elements may be null; nil when the array itself is null.
    package func optionalBools(_ column: Int) -> [Bool?]? {
        unsafe array(column, OID.bools, Bool.init(binary:))
    }
    package func optionalInt2s(_ column: Int) -> [Int16?]? {
        unsafe array(column, OID.int2s, Int16.init(binary:))
    }
    package func optionalInt4s(_ column: Int) -> [Int32?]? {
        unsafe array(column, OID.int4s, Int32.init(binary:))
    }
    package func optionalInt8s(_ column: Int) -> [Int64?]? {
        unsafe array(column, OID.int8s, Int64.init(binary:))
    }
    package func optionalTexts(_ column: Int) -> [String?]? {
        unsafe array(column, OID.texts, String.init(binary:))
    }
    package func optionalByteas(_ column: Int) -> [[UInt8]?]? {
        unsafe array(column, OID.byteas, [UInt8].init(binary:))
    }
    package func optionalUUIDs(_ column: Int) -> [ID?]? {
        unsafe array(column, OID.uuids, ID.init(binary:))
    }
    package func optionalTimestamptzs(_ column: Int) -> [Instant?]? {
        unsafe array(column, OID.timestamptzs, Instant.init(binary:))
    }

    private func value<Value>(
        _ column: Int,
        _ type: UInt32,
        _ decode: (UnsafeRawBufferPointer) -> Value,
    ) -> Value? {
        box.check(column, type)
        return unsafe box.bytes(row, column).map { unsafe decode($0) }
    }

    private func array<Value>(
        _ column: Int,
        _ type: UInt32,
        _ decode: (UnsafeRawBufferPointer) -> Value,
    ) -> [Value?]? {
        box.check(column, type)
        return unsafe box.bytes(row, column).map { unsafe decodeArray($0, decode) }
    }

    private func required<Value>(_ value: Value?, _ column: Int) -> Value {
        guard let value else { invariantBroken("column \(box.columnName(column)) is null") }
        return value
    }

    private func elements<Value>(_ values: [Value?]?, _ column: Int) -> [Value] {
        required(values, column).map { required($0, column) }
    }
}

/// Owns a `PGresult`; shared by the rows that read from it.
final class ResultBox: @unchecked Sendable {
    private let handle: ResultHandle
    let rowCount: Int
    let columnCount: Int
    let affectedRows: Int

    init(_ handle: consuming ResultHandle) {
        rowCount = unsafe Int(PQntuples(handle.pointer))
        columnCount = unsafe Int(PQnfields(handle.pointer))
        affectedRows = unsafe Int(String(cString: PQcmdTuples(handle.pointer))) ?? 0
        self.handle = handle
    }

    func columnName(_ column: Int) -> String {
        guard let name = unsafe PQfname(handle.pointer, Int32(column)) else { return "\(column)" }
        return unsafe String(cString: name)
    }

    /// Stops the process unless `column` exists and can be read as `type`.
    func check(_ column: Int, _ type: UInt32) {
        invariant(column >= 0 && column < columnCount, "column \(column) of \(columnCount)")
        let actual = unsafe PQftype(handle.pointer, Int32(column))
        invariant(
            OID.canStand(actual, for: type),
            "column \(columnName(column)) has type \(actual), asked as \(type)",
        )
        invariant(
            unsafe PQfformat(handle.pointer, Int32(column)) == 1,
            "column \(columnName(column)) is not binary",
        )
    }

    func isNull(_ row: Int, _ column: Int) -> Bool {
        invariant(column >= 0 && column < columnCount, "column \(column) of \(columnCount)")
        return unsafe PQgetisnull(handle.pointer, Int32(row), Int32(column)) == 1
    }

    /// The bytes of a value, valid while this box is; nil for a null.
    func bytes(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer? {
        if isNull(row, column) { return nil }
        let start = unsafe PQgetvalue(handle.pointer, Int32(row), Int32(column))
        let length = unsafe Int(PQgetlength(handle.pointer, Int32(row), Int32(column)))
        return unsafe UnsafeRawBufferPointer(start: start, count: length)
    }
}
