// Reads JSON (RFC 8259) into values that know their lines. Strict: no comments, no trailing commas.

extension DocumentValue {
    /// Levels that a document may have; a deeper one is an attack, not a document.
    private static let depthMax = 32

    /// Reads a whole document.
    ///
    /// - Throws: the first thing that is wrong with its form.
    package init(json text: String, file: String) throws(DocumentFault) {
        var parser = JSONParser(Array(text.utf8), file: file)
        self = try parser.document()
    }

    fileprivate struct JSONParser {
        private let bytes: [UInt8]
        private let file: String
        private var index = 0
        private var line = 1

        init(_ bytes: [UInt8], file: String) {
            self.bytes = bytes
            self.file = file
            if bytes.starts(with: [0xef, 0xbb, 0xbf]) { index = 3 }
        }

        mutating func document() throws(DocumentFault) -> DocumentValue {
            let value = try value(depth: 0)
            skipSpace()
            if index < bytes.count { throw fault("something follows the end of the document") }
            return value
        }

        private var place: DocumentPlace { DocumentPlace(file: file, line: line) }

        private func fault(_ text: String) -> DocumentFault {
            DocumentFault(place, field: "", "no JSON: " + text)
        }

        private mutating func skipSpace() {
            while index < bytes.count {
                switch bytes[index] {
                case UInt8(ascii: "\n"): line += 1
                case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): break
                default: return
                }
                index += 1
            }
        }

        private mutating func value(depth: Int) throws(DocumentFault) -> DocumentValue {
            skipSpace()
            guard index < bytes.count else { throw fault("it ends too early") }
            if depth > depthMax { throw fault("more than \(depthMax) levels") }
            let place = self.place
            switch bytes[index] {
            case UInt8(ascii: "{"):
                return DocumentValue(.object(try members(depth: depth)), place)
            case UInt8(ascii: "["):
                return DocumentValue(.list(try elements(depth: depth)), place)
            case UInt8(ascii: "\""): return DocumentValue(.text(try string()), place)
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                return DocumentValue(.number(try number()), place)
            default: return DocumentValue(try word(), place)
            }
        }

        private mutating func word() throws(DocumentFault) -> Content {
            for (word, content) in [
                ("true", Content.bool(true)), ("false", .bool(false)), ("null", .null),
            ] where bytes[index...].starts(with: word.utf8) {
                index += word.utf8.count
                return content
            }
            throw fault("a value is expected")
        }

        private mutating func members(depth: Int) throws(DocumentFault) -> [DocumentMember] {
            var members: [DocumentMember] = []
            index += 1
            skipSpace()
            if take(UInt8(ascii: "}")) { return [] }
            while true {
                skipSpace()
                guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else {
                    throw fault("the name of a member is expected")
                }
                let name = try string()
                skipSpace()
                guard take(UInt8(ascii: ":")) else { throw fault("a colon is expected") }
                members.append(DocumentMember(name, try value(depth: depth + 1)))
                skipSpace()
                if take(UInt8(ascii: "}")) { return members }
                guard take(UInt8(ascii: ",")) else { throw fault("a comma or } is expected") }
            }
        }

        private mutating func elements(depth: Int) throws(DocumentFault) -> [DocumentValue] {
            var elements: [DocumentValue] = []
            index += 1
            skipSpace()
            if take(UInt8(ascii: "]")) { return [] }
            while true {
                elements.append(try value(depth: depth + 1))
                skipSpace()
                if take(UInt8(ascii: "]")) { return elements }
                guard take(UInt8(ascii: ",")) else { throw fault("a comma or ] is expected") }
            }
        }

        private mutating func take(_ byte: UInt8) -> Bool {
            guard index < bytes.count, bytes[index] == byte else { return false }
            index += 1
            return true
        }

        private mutating func number() throws(DocumentFault) -> String {
            let start = index
            _ = take(UInt8(ascii: "-"))
            let first = index
            let digits = takeDigits()
            if digits == 0 || (digits > 1 && bytes[first] == UInt8(ascii: "0")) {
                throw fault("no number")
            }
            if take(UInt8(ascii: ".")), takeDigits() == 0 { throw fault("no number") }
            if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
                if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
                if takeDigits() == 0 { throw fault("no number") }
            }
            return String(decoding: bytes[start..<index], as: UTF8.self)
        }

        private mutating func takeDigits() -> Int {
            let start = index
            while index < bytes.count,
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index])
            {
                index += 1
            }
            return index - start
        }

        private mutating func string() throws(DocumentFault) -> String {
            var content: [UInt8] = []
            index += 1
            while index < bytes.count {
                let byte = bytes[index]
                index += 1
                switch byte {
                case UInt8(ascii: "\""):
                    guard let text = String(validating: content, as: UTF8.self) else {
                        throw fault("not UTF-8")
                    }
                    return text
                case UInt8(ascii: "\\"): content.append(contentsOf: String(try escape()).utf8)
                case 0..<0x20: throw fault("a control character in a text")
                default: content.append(byte)
                }
            }
            throw fault("a text is never closed")
        }

        private mutating func escape() throws(DocumentFault) -> Unicode.Scalar {
            guard index < bytes.count else { throw fault("a text is never closed") }
            let byte = bytes[index]
            index += 1
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
                return Unicode.Scalar(byte)
            case UInt8(ascii: "b"): return "\u{8}"
            case UInt8(ascii: "f"): return "\u{c}"
            case UInt8(ascii: "n"): return "\n"
            case UInt8(ascii: "r"): return "\r"
            case UInt8(ascii: "t"): return "\t"
            case UInt8(ascii: "u"):
                let high = try hexadecimal()
                guard (0xd800..<0xdc00).contains(high) else {
                    if let scalar = Unicode.Scalar(high) { return scalar }
                    throw fault("half a character")
                }
                guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
                    throw fault("half a character")
                }
                let low = try hexadecimal()
                guard (0xdc00..<0xe000).contains(low),
                    let scalar = Unicode.Scalar(0x10000 + (high - 0xd800) << 10 + (low - 0xdc00))
                else { throw fault("half a character") }
                return scalar
            default: throw fault("an escape that there is not")
            }
        }

        private mutating func hexadecimal() throws(DocumentFault) -> UInt32 {
            guard index + 4 <= bytes.count,
                bytes[index..<index + 4]
                    .allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }),
                let value = UInt32(
                    String(decoding: bytes[index..<index + 4], as: UTF8.self),
                    radix: 16
                )
            else { throw fault("four hexadecimal digits are expected") }
            index += 4
            return value
        }
    }
}
