// Parameters in the binary format of Postgres: big-endian integers, times in microseconds from the
// year 2000, arrays with a header. Encoding happens on the caller's thread, so that the one thread
// that owns the connections only copies bytes.

package import Base

/// A parameter of a statement.
package enum PostgresValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case int2(Int16)
    case int4(Int32)
    case int8(Int64)
    case text(String)
    case bytea([UInt8])
    case uuid(ID)
    case timestamptz(Instant)
    case bools([Bool])
    case int2s([Int16])
    case int4s([Int32])
    case int8s([Int64])
    case texts([String])
    case byteas([[UInt8]])
    case uuids([ID])
    case timestamptzs([Instant])
    case optionalBools([Bool?])
    case optionalInt2s([Int16?])
    case optionalInt4s([Int32?])
    case optionalInt8s([Int64?])
    case optionalTexts([String?])
    case optionalByteas([[UInt8]?])
    case optionalUUIDs([ID?])
    case optionalTimestamptzs([Instant?])

    /// The type this value is sent as; nil for a null, which fits every type.
    package var oid: UInt32? {
        switch self {
        case .null: nil
        case .bool: OID.bool
        case .int2: OID.int2
        case .int4: OID.int4
        case .int8: OID.int8
        case .text: OID.text
        case .bytea: OID.bytea
        case .uuid: OID.uuid
        case .timestamptz: OID.timestamptz
        case .bools, .optionalBools: OID.bools
        case .int2s, .optionalInt2s: OID.int2s
        case .int4s, .optionalInt4s: OID.int4s
        case .int8s, .optionalInt8s: OID.int8s
        case .texts, .optionalTexts: OID.texts
        case .byteas, .optionalByteas: OID.byteas
        case .uuids, .optionalUUIDs: OID.uuids
        case .timestamptzs, .optionalTimestamptzs: OID.timestamptzs
        }
    }

    /// Whether a parameter declared as `type` may carry this value.
    func fits(_ type: UInt32) -> Bool {
        guard let oid else { return true }
        return OID.canStand(type, for: oid)
    }
}

/// The parameters of one statement, encoded one behind the other.
package struct EncodedParameters: Sendable {
    package private(set) var bytes: [UInt8] = []
    /// Length of each parameter in `bytes`; -1 is a null.
    private(set) var lengths: [Int32] = []

    package init(_ values: [PostgresValue], for statement: Statement) {
        invariant(
            values.count == statement.parameterTypes.count,
            "\(statement.name) takes \(statement.parameterTypes.count) parameters, got \(values.count)",
        )
        lengths.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            invariant(
                value.fits(statement.parameterTypes[index]),
                "parameter \(index + 1) of \(statement.name) has another type",
            )
            if case .null = value {
                lengths.append(-1)
                continue
            }
            let start = bytes.count
            bytes.appendValue(value)
            lengths.append(Int32(bytes.count - start))
        }
        // A pointer to an empty last parameter must still point into the buffer.
        bytes.append(0)
    }
}

/// Microseconds from the Unix epoch to 2000-01-01T00:00:00Z, where Postgres counts from.
let postgresEpochMicroseconds: Int64 = 946_684_800_000_000

extension [UInt8] {
    fileprivate mutating func appendValue(_ value: PostgresValue) {
        switch value {
        case .null: break
        case .bool(let value): append(value ? 1 : 0)
        case .int2(let value): appendInteger(value)
        case .int4(let value): appendInteger(value)
        case .int8(let value): appendInteger(value)
        case .text(let value): append(contentsOf: value.utf8)
        case .bytea(let value): append(contentsOf: value)
        case .uuid(let value): appendID(value)
        case .timestamptz(let value): appendInstant(value)
        default: appendArrayValue(value)
        }
    }

    private mutating func appendArrayValue(_ value: PostgresValue) {
        switch value {
        case .bools(let values): appendArray(values, OID.bool) { $0.append($1 ? 1 : 0) }
        case .int2s(let values): appendArray(values, OID.int2) { $0.appendInteger($1) }
        case .int4s(let values): appendArray(values, OID.int4) { $0.appendInteger($1) }
        case .int8s(let values): appendArray(values, OID.int8) { $0.appendInteger($1) }
        case .texts(let values): appendArray(values, OID.text) { $0.append(contentsOf: $1.utf8) }
        case .byteas(let values): appendArray(values, OID.bytea) { $0.append(contentsOf: $1) }
        case .uuids(let values): appendArray(values, OID.uuid) { $0.appendID($1) }
        case .timestamptzs(let values):
            appendArray(values, OID.timestamptz) { $0.appendInstant($1) }
        case .optionalBools(let values): appendOptionals(values, OID.bool) { $0.append($1 ? 1 : 0) }
        case .optionalInt2s(let values): appendOptionals(values, OID.int2) { $0.appendInteger($1) }
        case .optionalInt4s(let values): appendOptionals(values, OID.int4) { $0.appendInteger($1) }
        case .optionalInt8s(let values): appendOptionals(values, OID.int8) { $0.appendInteger($1) }
        case .optionalTexts(let values):
            appendOptionals(values, OID.text) { $0.append(contentsOf: $1.utf8) }
        case .optionalByteas(let values):
            appendOptionals(values, OID.bytea) { $0.append(contentsOf: $1) }
        case .optionalUUIDs(let values): appendOptionals(values, OID.uuid) { $0.appendID($1) }
        case .optionalTimestamptzs(let values):
            appendOptionals(values, OID.timestamptz) { $0.appendInstant($1) }
        case .null, .bool, .int2, .int4, .int8, .text, .bytea, .uuid, .timestamptz:
            invariantBroken("a scalar is no array")
        }
    }

    private mutating func appendInteger(_ value: some FixedWidthInteger) {
        unsafe Swift.withUnsafeBytes(of: value.bigEndian) { unsafe append(contentsOf: $0) }
    }

    private mutating func appendID(_ value: ID) {
        appendInteger(value.high)
        appendInteger(value.low)
    }

    private mutating func appendInstant(_ value: Instant) {
        appendInteger(value.microseconds - postgresEpochMicroseconds)
    }

    private mutating func appendArray<Item>(
        _ values: [Item],
        _ type: UInt32,
        _ appendElement: (inout [UInt8], Item) -> Void,
    ) {
        appendArrayHeader(count: values.count, hasNulls: false, type)
        for value in values {
            self.appendElement(value, with: appendElement)
        }
    }

    private mutating func appendOptionals<Item>(
        _ values: [Item?],
        _ type: UInt32,
        _ appendElement: (inout [UInt8], Item) -> Void,
    ) {
        let hasNulls = values.contains { $0 == nil }
        appendArrayHeader(count: values.count, hasNulls: hasNulls, type)
        for value in values {
            if let value {
                self.appendElement(value, with: appendElement)
            } else {
                appendInteger(Int32(-1))
            }
        }
    }

    private mutating func appendElement<Item>(
        _ value: Item,
        with appendElement: (inout [UInt8], Item) -> Void,
    ) {
        let lengthAt = count
        appendInteger(Int32(0))
        appendElement(&self, value)
        let length = UInt32(count - lengthAt - 4)
        for index in 0..<4 {
            self[lengthAt + index] = UInt8(truncatingIfNeeded: length >> UInt32(24 - 8 * index))
        }
    }

    private mutating func appendArrayHeader(count: Int, hasNulls: Bool, _ type: UInt32) {
        if count == 0 {
            appendInteger(Int32(0))
            appendInteger(Int32(0))
            appendInteger(type)
            return
        }
        reserveCapacity(self.count + 20 + count * 12)
        appendInteger(Int32(1))
        appendInteger(Int32(hasNulls ? 1 : 0))
        appendInteger(type)
        appendInteger(Int32(count))
        appendInteger(Int32(1))
    }
}
