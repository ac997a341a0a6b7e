// What the header blocks of a reply say.

internal import Base

/// The header blocks of a reply: head and trailers, or both in one.
struct ResponseHead {
    private(set) var metadata = Metadata()
    private(set) var trailers = Metadata()
    /// Whether the head has come, alone or as one with the trailers.
    private(set) var isHeadComplete = false
    private var httpStatus: Int?
    private var isGRPC = false
    private var statusNumber: Int?
    private var message = ""
    private var details: [StatusDetail] = []
    private(set) var encoding = MessageEncoding.identity
    private var foreignEncoding: String?
    private var bytesCount = 0
    private var fieldsCount = 0

    /// Takes one field; false when the blocks go over a limit.
    mutating func receive(name: LentBytes, value: LentBytes, limits: SessionLimits) -> Bool {
        fieldsCount += 1
        bytesCount += name.count + value.count + 32
        if fieldsCount > limits.headerFieldsMax || bytesCount > limits.headerListBytesMax {
            return false
        }
        if unsafe equals(name, ":status") {
            httpStatus = unsafe Int(String(decoding: value, as: UTF8.self))
        } else if unsafe equals(name, "content-type") {
            isGRPC = unsafe String(decoding: value, as: UTF8.self).hasPrefix("application/grpc")
        } else if unsafe equals(name, "grpc-status") {
            statusNumber = unsafe Int(String(decoding: value, as: UTF8.self)) ?? -1
        } else if unsafe equals(name, "grpc-message") {
            message = unsafe PercentEncoding.decode(value)
        } else if unsafe equals(name, "grpc-status-details-bin") {
            details = unsafe Base64.decode(value).flatMap(Status.decodeDetails) ?? []
        } else if unsafe equals(name, "grpc-encoding") {
            if let known = unsafe MessageEncoding(name: value) {
                encoding = known
            } else {
                foreignEncoding = unsafe String(decoding: value, as: UTF8.self)
            }
        } else if isHeadComplete {
            _ = unsafe trailers.receive(name: name, value: value)
        } else {
            _ = unsafe metadata.receive(name: name, value: value)
        }
        return true
    }

    /// A block has ended.
    ///
    /// Blocks of status 1xx only announce the real head.
    mutating func blockEnded() {
        if let httpStatus, httpStatus < 200, !isHeadComplete {
            self.httpStatus = nil
            return
        }
        isHeadComplete = true
    }

    /// Whether the head alone shows that no reply will come that could be read.
    var isHopeless: Bool { httpStatus != 200 || !isGRPC || foreignEncoding != nil }

    /// Why the call failed; nil when it went well.
    var failure: Status? {
        if let statusNumber {
            if statusNumber == 0 {
                return foreignEncoding.map { Status(.internal, "reply in encoding \($0)") }
            }
            let code = StatusCode(rawValue: statusNumber) ?? .unknown
            return Status(code, message, details: details)
        }
        if httpStatus != 200 { return .http(httpStatus ?? 0) }
        if !isGRPC { return Status(.unknown, "the reply is not gRPC") }
        return Status(.internal, "the reply ended without a status")
    }
}
