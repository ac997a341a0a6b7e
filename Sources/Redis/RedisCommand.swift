// A command in the form of the protocol: an array of bulk strings. Arguments are encoded as they are
// appended, the count is written in front when the command is sent.

package import NIOCore

/// A command and its arguments.
package struct RedisCommand: Sendable {
    private var body: [UInt8] = []
    private var count = 0

    /// Begins a command; `reserving` is the expected size of the arguments in bytes.
    package init(_ name: String, reserving: Int = 0) {
        if reserving > 0 { body.reserveCapacity(reserving + 64) }
        append(name)
    }

    /// A whole command of texts.
    package init(_ name: String, _ arguments: String...) {
        append(name)
        for argument in arguments { append(argument) }
    }

    /// Calls the script that the server knows under this digest.
    ///
    /// An unknown digest is answered with the error NOSCRIPT; the text is never sent instead.
    package static func evalsha(
        _ sha: String,
        keys: [String],
        arguments: [[UInt8]],
    ) -> RedisCommand {
        let size = arguments.reduce(0) { $0 + $1.count + 16 } + keys.count * 64
        var command = RedisCommand("EVALSHA", reserving: size)
        command.append(sha)
        command.append(keys.count)
        for key in keys { command.append(key) }
        for argument in arguments { command.append(argument) }
        return command
    }

    package mutating func append(_ text: String) {
        // `utf8.count` and the copy are both cheap for native strings.
        appendHeader(UInt8(ascii: "$"), text.utf8.count)
        body.append(contentsOf: text.utf8)
        appendEnd()
    }

    package mutating func append(_ bytes: [UInt8]) {
        appendHeader(UInt8(ascii: "$"), bytes.count)
        body.append(contentsOf: bytes)
        appendEnd()
    }

    package mutating func append(_ buffer: ByteBuffer) {
        appendHeader(UInt8(ascii: "$"), buffer.readableBytes)
        body.append(contentsOf: buffer.readableBytesView)
        appendEnd()
    }

    package mutating func append(_ number: Int) {
        append(String(number))
    }

    /// Writes the command as it goes over the wire.
    package func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt8(ascii: "*"))
        buffer.writeString(String(count))
        buffer.writeStaticString("\r\n")
        buffer.writeBytes(body)
    }

    private mutating func appendHeader(_ kind: UInt8, _ number: Int) {
        body.append(kind)
        body.append(contentsOf: String(number).utf8)
        body.append(13)
        body.append(10)
    }

    private mutating func appendEnd() {
        body.append(13)
        body.append(10)
        count += 1
    }
}

/// A script that was loaded into the server before, and is called by its digest.
package struct RedisScript: Sendable, Hashable {
    package let text: String
    /// SHA-1 of the text, 40 lower case hexadecimal digits.
    package let sha1: String

    package init(text: String, sha1: String) {
        self.text = text
        self.sha1 = sha1
    }
}
