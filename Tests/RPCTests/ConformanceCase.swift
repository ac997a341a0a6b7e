// One case of the conformance suite: frames to send, and what has to come back.

import Testing

@testable import RPC

/// Which request a case is built around.
///
/// Both have to be treated alike by HTTP/2, but one runs a
/// handler when it is complete, and the other has its answer as soon as its headers are there.
enum RequestKind: CaseIterable, Sendable {
    case call
    case get

    func block(
        changing changed: [String: String?] = [:],
        adding added: [(String, String)] = [],
    ) -> [UInt8] {
        HPACK.block(fields(changing: changed, adding: added))
    }

    func fields(
        changing changed: [String: String?] = [:],
        adding added: [(String, String)] = [],
    ) -> [(String, String)] {
        var changes = changed
        if self == .get {
            let get: [String: String?] = [
                ":method": "GET", ":path": "/", "te": nil, "content-type": nil,
            ]
            changes.merge(get) { mine, _ in mine }
        }
        return RawRequest.headers(changing: changes, adding: added)
    }
}

/// What has to come back.
enum Expected: Sendable {
    /// GOAWAY with this code, and the end of the connection.
    case goAway(UInt32)
    /// RST_STREAM of a stream with this code, while the connection lives on.
    case reset(UInt32, stream: Int32 = 1)
    /// An answer on stream 1, and the connection lives on.
    case answer
    /// An answer on stream 1, and the end of the connection without an error.
    case lastAnswer
    /// Nothing in particular: the connection lives on.
    case nothing
}

struct ConformanceCase: Sendable, CustomTestStringConvertible {
    var section: String
    var what: String
    var expected: Expected
    var frames: @Sendable (RequestKind) -> [RawFrame]

    var testDescription: String { "\(section) \(what)" }

    init(
        _ section: String,
        _ what: String,
        _ expected: Expected,
        _ frames: @escaping @Sendable (RequestKind) -> [RawFrame],
    ) {
        self.section = section
        self.what = what
        self.expected = expected
        self.frames = frames
    }
}

extension Expected {
    /// A PING that no case sends.
    private static let sign = Array("are you?".utf8)

    /// Waits for it, and says what came instead; nil when all is well.
    func fault(_ peer: FramePeer) async throws -> String? {
        switch self {
        case .goAway(let code):
            let log = try await peer.end()
            return log.goAway?.code == code ? nil : "GOAWAY \(String(describing: log.goAway))"
        case .reset(let code, let stream):
            let log = try await peer.wait { $0.resets(stream).contains { $0 != 0 } }
            guard log.resets(stream).contains(code) else {
                return "resets \(log.resets(stream)), GOAWAY \(String(describing: log.goAway))"
            }
        case .answer:
            let log = try await peer.wait { $0.answered.contains(1) }
            guard log.answered.contains(1) else {
                return "no answer, GOAWAY \(String(describing: log.goAway))"
            }
        case .lastAnswer:
            let log = try await peer.end()
            let isFine = log.answered.contains(1) && (log.goAway?.code ?? 0) == 0
            return isFine ? nil : "GOAWAY \(String(describing: log.goAway))"
        case .nothing: break
        }
        try await peer.send([.ping(Self.sign)])
        let log = try await peer.wait {
            $0.all(FrameType.ping).contains { $0.payload == Self.sign }
        }
        guard log.all(FrameType.ping).contains(where: { $0.payload == Self.sign }) else {
            return "the connection died, GOAWAY \(String(describing: log.goAway))"
        }
        return nil
    }
}
