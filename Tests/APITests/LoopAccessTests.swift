// Who a call is taken for: by token, by certificate, or not at all; and what a refusal says.

import API
import Base
import Domain
import Synchronization
import Testing

@testable import RPC

/// A clock that stands where a test puts it.
private final class Standing: Clock {
    private let moment: Mutex<Instant>
    init(_ seconds: Int64) { moment = Mutex(Instant(seconds: seconds)) }
    func now() -> Instant { moment.withLock { $0 } }
    func set(_ seconds: Int64) { moment.withLock { $0 = Instant(seconds: seconds) } }
}

@Suite struct LoopAccessTests {
    private static let reserve = "/holdfast.v1.ReservationService/Reserve"
    private static let list = "/holdfast.v1.InventoryService/ListPositions"
    private static let check = "/grpc.health.v1.Health/Check"

    private let clock = Standing(1_000)

    private func access() -> LoopAccess {
        let callers = [
            AccessCaller(
                name: "web-shop",
                roles: [.channel],
                channel: "web",
                tokens: [AccessToken(hash: TokenHash(token: "web-token".utf8))],
                certificates: [.uri("spiffe://shop/web"), .dns("web.example")],
            ),
            AccessCaller(
                name: "desk",
                roles: [.support],
                tokens: [
                    AccessToken(
                        hash: TokenHash(token: "old".utf8),
                        expires: Instant(seconds: 2_000)
                    ),
                    AccessToken(
                        hash: TokenHash(token: "new".utf8),
                        notBefore: Instant(seconds: 1_500),
                    ),
                ],
                certificates: [.dns("desk.example")],
            ),
        ]
        return LoopAccess(book: AccessBook(callers), clock: clock)
    }

    private func head(
        _ path: String,
        _ authorization: [String] = [],
        identity: PeerIdentity? = nil,
    ) throws -> CallHead {
        var metadata = Metadata()
        for value in authorization { try metadata.add("authorization", value) }
        try metadata.add("x-holdfast-principal", "somebody else")
        return CallHead(path: path, metadata: metadata, peer: "127.0.0.1:1", identity: identity)
    }

    private func refusal(_ access: LoopAccess, _ head: CallHead) -> Status? {
        do throws(Status) {
            _ = try access.judge(head)
            return nil
        } catch {
            return error
        }
    }

    @Test func `a token names its caller, with the channel where the call is limited to it`() throws
    {
        let access = access()
        let caller = try access.judge(try head(Self.reserve, ["Bearer web-token"]))
        #expect(caller == Caller(name: "web-shop", roles: Roles.channel.rawValue, scope: "web"))
        let desk = try access.judge(try head(Self.list, ["bEARER old"]))
        #expect(desk == Caller(name: "desk", roles: Roles.support.rawValue))
    }

    @Test(arguments: [
        [], ["Bearer "], ["Bearer"], ["Basic web-token"], ["web-token"], ["Bearer web-toke"],
        ["Bearer web-token2"], ["Bearer  web-token"], ["Bearer web-token", "Bearer web-token"],
        ["Bearer web-token", "Basic x"], ["Bearer new"],
        ["Bearer " + String(repeating: "a", count: 300)],
    ])
    func `credentials that are no good are refused in the same words`(
        authorization: [String]
    ) throws {
        let access = access()
        var metadata = Metadata()
        // A value may arrive with spaces that could not be sent by our own client.
        for value in authorization {
            let isKept = metadata.receive(
                name: Array("authorization".utf8),
                value: Array(value.utf8)
            )
            #expect(isKept)
        }
        let head = CallHead(path: Self.list, metadata: metadata, peer: "p", identity: nil)
        let status = refusal(access, head)
        #expect(status == Status(.unauthenticated, "the call needs valid credentials"))
    }

    @Test func `a role that may not is refused without a word about which may`() throws {
        let access = access()
        for path in [Self.list, "/holdfast.v1.InventoryService/Receive"] {
            let status = refusal(access, try head(path, ["Bearer web-token"]))
            #expect(status == Status(.permissionDenied, "the caller may not make this call"))
        }
    }

    @Test func `a token is good from its first moment to before its end`() throws {
        let access = access()
        for (seconds, old, new) in [
            (1_499, true, false), (1_500, true, true), (2_000, false, true),
        ] {
            clock.set(Int64(seconds))
            #expect((refusal(access, try head(Self.list, ["Bearer old"])) == nil) == old)
            #expect((refusal(access, try head(Self.list, ["Bearer new"])) == nil) == new)
        }
    }

    @Test func `a certificate names its caller, unless it names two`() throws {
        let access = access()
        let web = PeerIdentity(uris: ["spiffe://shop/web"], dnsNames: ["other", "WEB.example"])
        #expect(try access.judge(try head(Self.reserve, identity: web))?.name == "web-shop")
        let unknown = PeerIdentity(uris: ["spiffe://shop/webs"], dnsNames: ["spiffe://shop/web"])
        #expect(
            refusal(access, try head(Self.reserve, identity: unknown))?.code == .unauthenticated
        )
        let both = PeerIdentity(uris: ["spiffe://shop/web"], dnsNames: ["desk.example"])
        #expect(refusal(access, try head(Self.list, identity: both))?.code == .unauthenticated)
    }

    @Test func `a token counts before a certificate, also when it is no good`() throws {
        let access = access()
        let web = PeerIdentity(uris: ["spiffe://shop/web"])
        #expect(
            try access.judge(try head(Self.list, ["Bearer old"], identity: web))?.name == "desk"
        )
        let wrong = try head(Self.reserve, ["Bearer wrong"], identity: web)
        #expect(refusal(access, wrong)?.code == .unauthenticated)
    }

    @Test func `health needs nothing, and makes nobody a caller`() throws {
        let access = access()
        for authorization in [[], ["Bearer wrong"], ["Bearer web-token"]] {
            let caller = try access.judge(try head(Self.check, authorization))
            #expect(caller == Caller(name: "anonymous"))
        }
    }

    @Test func `a method without a rule is refused, on an open server too`() throws {
        let path = "/holdfast.v1.InventoryService/Forgotten"
        let open = LoopAccess(book: nil)
        #expect(refusal(access(), try head(path, ["Bearer old"]))?.code == .permissionDenied)
        #expect(refusal(open, try head(path))?.code == .permissionDenied)
    }

    @Test func `an open server knows nobody but the holder of a certificate`() throws {
        let open = LoopAccess(book: nil)
        #expect(try open.judge(try head(Self.reserve)) == nil)
        let identity = PeerIdentity(uris: ["spiffe://shop/web"], dnsNames: ["web.example"])
        let caller = try open.judge(try head(Self.reserve, identity: identity))
        #expect(caller == Caller(name: "spiffe://shop/web", roles: Roles.all.rawValue))
    }

    @Test func `a new book counts from the next call on`() throws {
        let access = access()
        let call = try head(Self.reserve, ["Bearer web-token"])
        #expect(refusal(access, call) == nil)
        access.book = AccessBook([])
        #expect(refusal(access, call)?.code == .unauthenticated)
    }

    @Test func `what a call claims to be counts only where nobody is known`() throws {
        var metadata = Metadata()
        try metadata.add("x-holdfast-principal", "claimed")
        let known = CallContext(Caller(name: "shop", scope: "web"), metadata) { "1" }
        #expect(known.origin.principal == "shop")
        #expect(known.limit == ChannelLimit("web"))
        let open = CallContext(nil, metadata) { "1" }
        #expect(open.origin.principal == "claimed")
        #expect(open.limit == ChannelLimit())
    }
}
