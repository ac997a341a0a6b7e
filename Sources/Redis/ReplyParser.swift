// The reader of hiredis, used as a parser only: bytes in, replies out, no socket. It builds our own
// values through callbacks instead of a tree in C memory.

private import Base
internal import CHiredis

/// What the parser finds.
enum ParsedReply {
    case reply(RedisReply)
    /// The bytes so far do not make a whole reply.
    case incomplete
    /// The bytes are no reply; the parser is of no use any more.
    case invalid(String)
}

/// Owns a reader of hiredis.
@safe struct ReplyParser: ~Copyable {
    private let reader: UnsafeMutablePointer<redisReader>
    private let functions: UnsafeMutablePointer<redisReplyObjectFunctions>
    private let builder = ReplyBuilder()
    private let replyBytesMax: Int

    init(replyBytesMax: Int) {
        unsafe functions = .allocate(capacity: 1)
        unsafe functions.initialize(to: builderFunctions())
        guard let reader = unsafe redisReaderCreateWithFunctions(functions) else {
            invariantBroken("no memory for a redis reader")
        }
        unsafe self.reader = unsafe reader
        // The builder lives as long as the reader: both are freed in `deinit`.
        unsafe reader.pointee.privdata = Unmanaged.passUnretained(builder).toOpaque()
        // Keep this much of the buffer between replies instead of allocating it again.
        unsafe reader.pointee.maxbuf = 1 << 20
        self.replyBytesMax = replyBytesMax
    }

    deinit {
        unsafe redisReaderFree(reader)
        unsafe functions.deinitialize(count: 1)
        unsafe functions.deallocate()
    }

    /// Takes bytes as they came from the socket, cut anywhere.
    mutating func feed(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return }
        let start = unsafe base.assumingMemoryBound(to: CChar.self)
        // Fails only after an earlier error, which `next` reports.
        _ = unsafe redisReaderFeed(reader, start, bytes.count)
    }

    /// The next reply, if the bytes hold a whole one.
    mutating func next() -> ParsedReply {
        var object: UnsafeMutableRawPointer?
        guard unsafe redisReaderGetReply(reader, &object) == REDIS_OK else {
            return unsafe .invalid(errorText(reader))
        }
        guard unsafe object != nil else {
            let waiting = unsafe reader.pointee.len - reader.pointee.pos
            if waiting > replyBytesMax {
                return .invalid("reply of more than \(replyBytesMax) bytes")
            }
            return .incomplete
        }
        return .reply(builder.take())
    }
}

private func errorText(_ reader: UnsafeMutablePointer<redisReader>) -> String {
    unsafe withUnsafeBytes(of: &reader.pointee.errstr) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}

/// Puts a reply together from the parts that the reader finds, the outermost first.
private final class ReplyBuilder {
    private struct Frame {
        var elements: [RedisReply]
        let count: Int
    }

    private var frames: [Frame] = []
    private var root: RedisReply?

    func begin(count: Int) {
        if count == 0 {
            add(.array([]))
            return
        }
        var frame = Frame(elements: [], count: count)
        // The count is what the peer claims, the memory is ours.
        frame.elements.reserveCapacity(min(count, 1_024))
        frames.append(frame)
    }

    func add(_ reply: RedisReply) {
        var reply = reply
        while let last = frames.indices.last {
            frames[last].elements.append(reply)
            guard frames[last].elements.count == frames[last].count else { return }
            reply = .array(frames.removeLast().elements)
        }
        root = reply
    }

    func take() -> RedisReply {
        guard let reply = root else { invariantBroken("the reader finished no reply") }
        root = nil
        return reply
    }
}

/// The callbacks of the reader.
///
/// They return any pointer but null, which would mean no memory.
private func builderFunctions() -> redisReplyObjectFunctions {
    unsafe redisReplyObjectFunctions(
        createString: { task, start, count in
            guard let task = unsafe task else { return nil }
            let bytes = unsafe UnsafeRawBufferPointer(start: start, count: count)
            switch unsafe task.pointee.type {
            case REDIS_REPLY_STATUS:
                unsafe builder(of: task).add(.status(String(decoding: bytes, as: UTF8.self)))
            case REDIS_REPLY_ERROR:
                let text = unsafe String(decoding: bytes, as: UTF8.self)
                unsafe builder(of: task).add(.error(RedisServerError(text: text)))
            default:
                unsafe builder(of: task).add(.bytes(Array(bytes)))
            }
            return unsafe task.pointee.privdata
        },
        createArray: { task, count in
            guard let task = unsafe task else { return nil }
            unsafe builder(of: task).begin(count: Int(count))
            return unsafe task.pointee.privdata
        },
        createInteger: { task, number in
            guard let task = unsafe task else { return nil }
            unsafe builder(of: task).add(.integer(Int64(number)))
            return unsafe task.pointee.privdata
        },
        createNil: { task in
            guard let task = unsafe task else { return nil }
            unsafe builder(of: task).add(.null)
            return unsafe task.pointee.privdata
        },
        freeObject: { _ in },
    )
}

private func builder(of task: UnsafePointer<redisReadTask>) -> ReplyBuilder {
    guard let data = unsafe task.pointee.privdata else {
        invariantBroken("the reader lost its builder")
    }
    return unsafe Unmanaged<ReplyBuilder>.fromOpaque(data).takeUnretainedValue()
}
