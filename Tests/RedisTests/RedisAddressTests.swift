// Addresses as operators write them.

import NIOCore
import Redis
import Testing

@Suite struct RedisAddressTests {
    @Test(arguments: [
        ("/run/redis.sock", RedisAddress.unix("/run/redis.sock")),
        ("unix:/run/redis.sock", .unix("/run/redis.sock")),
        ("unix:///run/redis.sock", .unix("/run/redis.sock")),
        ("redis.example:7000", .tcp(host: "redis.example", port: 7000)),
        ("redis://10.0.0.1:1", .tcp(host: "10.0.0.1", port: 1)),
        ("localhost", .tcp(host: "localhost", port: 6379)),
        ("[::1]:6380", .tcp(host: "::1", port: 6380)),
    ])
    func `an address is read`(text: String, address: RedisAddress) {
        #expect(RedisAddress(text) == address)
        #expect(RedisAddress(address.description) == address)
    }

    @Test(arguments: [
        "", ":1", "host:", "host:0", "host:65536", "host:x", "unix:relative", "a/b:1",
    ])
    func `anything else is refused`(text: String) {
        #expect(RedisAddress(text) == nil)
    }

    @Test func `several addresses have commas between them`() {
        let two: [RedisAddress] = [.tcp(host: "a", port: 1), .unix("/r/s")]
        #expect(RedisAddress.list("a:1,unix:/r/s") == two)
        #expect(RedisAddress.list("a:1, unix:/r/s") == two)
        #expect(RedisAddress.list("a:1") == [two[0]])
        for wrong in ["", ",", "a:1,", ",a:1", "a:1,,b:1", "a:1,b:0"] {
            #expect(RedisAddress.list(wrong) == nil, "\(wrong)")
        }
    }

    @Test func `a command is an array of bulk strings`() {
        var command = RedisCommand("SET", "k")
        command.append([0, 255])
        command.append(-7)
        command.append(ByteBuffer(string: "é"))
        var buffer = ByteBuffer()
        command.write(to: &buffer)
        let expected =
            Array("*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n".utf8) + [0, 255]
            + Array("\r\n$2\r\n-7\r\n$2\r\né\r\n".utf8)
        #expect(Array(buffer.readableBytesView) == expected)
    }
}
