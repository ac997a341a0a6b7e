// The header block of a request: collected field by field, then judged once.
//
// The judgement goes from the outside in: is it HTTP of the right kind, is it gRPC, is the method
// known. The first thing that is wrong is the answer.

/// Why a request is refused before its message is looked at.
enum Refusal: Error, Hashable {
    /// Not gRPC at all: a status of HTTP, and why.
    case http(Int, String)
    case status(Status)
    /// The status, and the header that names the encodings that we take.
    case encoding(Status)
}

/// What the header block of a request says.
struct RequestHead {
    private(set) var metadata = Metadata()
    /// Nanoseconds, if the caller gave a timeout.
    private(set) var timeoutNanoseconds: Int64?
    private(set) var path: [UInt8] = []
    /// What messages with the flag set are packed in.
    private(set) var encoding = MessageEncoding.identity
    /// Whether the caller can unpack gzip.
    private(set) var acceptsGzip = false

    private var isPost = false
    private var isGRPC = false
    private var takesTrailers = false
    private var isTimeoutMalformed = false
    private var isMetadataMalformed = false
    private var foreignEncoding: String?
    private var bytesCount = 0
    private var fieldsCount = 0

    /// Takes one field; false when the block goes over a limit.
    mutating func receive(name: LentBytes, value: LentBytes, limits: SessionLimits) -> Bool {
        fieldsCount += 1
        bytesCount += name.count + value.count + 32
        if fieldsCount > limits.headerFieldsMax || bytesCount > limits.headerListBytesMax {
            return false
        }
        unsafe take(name: name, value: value)
        return true
    }

    /// By length first: most names are told apart by it, and this runs for every field of every call.
    private mutating func take(name: LentBytes, value: LentBytes) {
        switch name.count {
        case 2 where unsafe equals(name, "te"):
            takesTrailers = unsafe equals(value, "trailers")
        case 5 where unsafe equals(name, ":path"):
            path = unsafe Array(value)
        case 7 where unsafe equals(name, ":method"):
            isPost = unsafe equals(value, "POST")
        case 12 where unsafe equals(name, "content-type"):
            isGRPC = unsafe Self.isGRPC(value)
        case 12 where unsafe equals(name, "grpc-timeout"):
            timeoutNanoseconds = unsafe Timeout.parse(value)
            isTimeoutMalformed = timeoutNanoseconds == nil
        case 13 where unsafe equals(name, "grpc-encoding"):
            if let known = unsafe MessageEncoding(name: value) {
                encoding = known
            } else {
                foreignEncoding = unsafe String(decoding: value, as: UTF8.self)
            }
        case 20 where unsafe equals(name, "grpc-accept-encoding"):
            acceptsGzip = unsafe Self.names(value, "gzip")
        case 10 where unsafe equals(name, "user-agent"):
            return
        case 15 where unsafe equals(name, "accept-encoding"):
            return
        default:
            if unsafe name.first == UInt8(ascii: ":") { return }
            if unsafe !metadata.receive(name: name, value: value) { isMetadataMalformed = true }
        }
    }

    /// The first thing that is wrong, leaving the path aside.
    func check() throws(Refusal) {
        if !isPost { throw .http(405, "method must be POST") }
        if !isGRPC { throw .http(415, "content-type must be application/grpc") }
        if !takesTrailers { throw .status(Status(.internal, "te must be trailers")) }
        if isTimeoutMalformed { throw .status(Status(.internal, "malformed grpc-timeout")) }
        if isMetadataMalformed {
            throw .status(Status(.internal, "malformed binary metadata"))
        }
        if let foreignEncoding {
            throw .encoding(
                Status(.unimplemented, "encoding \(foreignEncoding) is not supported")
            )
        }
    }

    /// Whether a list with commas has the word.
    private static func names(_ list: LentBytes, _ word: StaticString) -> Bool {
        unsafe list.split(separator: UInt8(ascii: ","))
            .contains { part in
                let space = UInt8(ascii: " ")
                let end = unsafe part.lastIndex { $0 != space } ?? part.startIndex
                let trimmed = unsafe part[...end].drop { $0 == space }
                return unsafe equals(LentBytes(rebasing: trimmed), word)
            }
    }

    /// `application/grpc` or `application/grpc+proto`, with or without parameters.
    private static func isGRPC(_ value: LentBytes) -> Bool {
        let end = unsafe value.firstIndex(of: UInt8(ascii: ";")) ?? value.count
        let type = unsafe LentBytes(rebasing: value[..<end])
        return unsafe equals(type, "application/grpc")
            || equals(type, "application/grpc+proto")
    }
}
