// `holdfast access token`, `list` and `revoke`.

internal import API
internal import ArgumentParser
internal import Base
internal import Foundation

/// Makes a token for a caller.
struct AccessMakeToken: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Makes a token, prints it once and keeps its hash.",
        discussion: """
            A name that the file does not have becomes a new caller with the roles given. A caller \
            that is there gets one more token: hand it out, then revoke the old one. The token \
            alone goes to standard output.

            EXAMPLES
              holdfast access token shop --roles caller,channel --channel web \\
                --file access.json
              holdfast access token shop --expires 2027-01-01 --file access.json
            """,
    )

    @Argument(help: "The caller's name; stands as the principal on every row that it writes.")
    var name: String
    @Option(
        help: ArgumentHelp(
            "What a new caller may do: some of caller, channel, support, operator, admin.",
            valueName: "role,role",
        )
    )
    var roles: RolesArgument?
    @Option(help: "The channel of a new caller with the role channel.")
    var channel: String?
    @Option(help: ArgumentHelp("When the token begins to be good.", valueName: "moment"))
    var notBefore: MomentArgument?
    @Option(help: ArgumentHelp("When the token is good no more.", valueName: "moment"))
    var expires: MomentArgument?
    @OptionGroup var options: AccessOptions

    func run() async throws {
        struct Made: Encodable {
            var name: String
            var roles: [String]
            var id: String
            var token: String
        }
        let file = try options.writableFile()
        var generator = SystemRandomNumberGenerator()
        let text = BearerToken.make(using: &generator)
        let token = AccessToken(
            hash: TokenHash(token: text.utf8),
            notBefore: notBefore.map { Instant(seconds: $0.seconds) },
            expires: expires.map { Instant(seconds: $0.seconds) },
        )
        let caller = try file.change { callers in try add(token, to: &callers) }
        if options.json {
            let made = Made(
                name: name,
                roles: caller.roles.list.map(\.rawValue),
                id: token.hash.id,
                token: text,
            )
            Terminal.writeLine(JSONText.encoded(made))
            return
        }
        Terminal.writeLine(text)
        Terminal.note(
            "token \(token.hash.id) of \(printable(name)) (\(caller.roles.text)); "
                + "it is not kept and cannot be shown again\n"
        )
    }

    /// Adds the token to its caller, who is made when there is none.
    private func add(
        _ token: AccessToken,
        to callers: inout [AccessCaller],
    ) throws -> AccessCaller {
        guard let index = callers.firstIndex(where: { $0.name == name }) else {
            guard let roles else {
                throw CommandError(
                    .invalid,
                    "there is no caller \(name) yet",
                    hint: "--roles says what a new one may do",
                )
            }
            callers.append(
                AccessCaller(
                    name: name,
                    roles: roles.roles,
                    channel: channel ?? "",
                    tokens: [token],
                )
            )
            return callers[callers.count - 1]
        }
        // Whoever asks for one more token must not change by the way what the old ones may do.
        let known = callers[index]
        if let roles, roles.roles != known.roles {
            throw CommandError(
                .refused,
                "\(name) is there already, with the roles \(known.roles.text)",
                hint: "change its roles in the file, or leave --roles out",
            )
        }
        if let channel, channel != known.channel {
            throw CommandError(
                .refused,
                "\(name) is there already, with "
                    + (known.channel.isEmpty ? "no channel" : "the channel \(known.channel)"),
                hint: "change its channel in the file, or leave --channel out",
            )
        }
        callers[index].tokens.append(token)
        return callers[index]
    }
}

/// Lists callers with what they can show.
struct AccessList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists callers: roles, channel, and one line for each token and certificate.",
        discussion: """
            A token is named by the first digits of its hash.

            EXAMPLES
              holdfast access list --file access.json
              holdfast access list --file access.json --json
            """,
    )

    @OptionGroup var options: AccessOptions

    func run() async throws {
        let callers = try options.accessFile().callers()
        let now = SystemClock().now()
        Terminal.write(options.json ? Self.json(callers, now) : Self.text(callers, now))
    }

    static func text(_ callers: [AccessCaller], _ now: Instant) -> String {
        var table = Table([
            .text("CALLER"), .text("ROLES"), .text("CHANNEL"), .text("CREDENTIAL"), .text("STATE"),
            .text("FROM"), .text("UNTIL"),
        ])
        for caller in callers {
            let head = [caller.name, caller.roles.text, caller.channel]
            for token in caller.tokens {
                let from = token.notBefore.map(isoText) ?? ""
                let until = token.expires.map(isoText) ?? ""
                table.add(head + ["token \(token.hash.id)", token.state(now), from, until])
            }
            for name in caller.certificates { table.add(head + [name.text, "good"]) }
            if caller.tokens.isEmpty, caller.certificates.isEmpty {
                table.add(head + ["none", "shut out"])
            }
        }
        return table.text
    }

    static func json(_ callers: [AccessCaller], _ now: Instant) -> String {
        struct Row: Encodable {
            var name: String
            var roles: [String]
            var channel: String
            var tokens: [Token]
            var certificates: [String]
        }
        struct Token: Encodable {
            var id: String
            var state: String
            var notBefore: String?
            var expires: String?
        }
        let rows = callers.map { caller in
            Row(
                name: caller.name,
                roles: caller.roles.list.map(\.rawValue),
                channel: caller.channel,
                tokens: caller.tokens.map { token in
                    Token(
                        id: token.hash.id,
                        state: token.state(now),
                        notBefore: token.notBefore.map(isoText),
                        expires: token.expires.map(isoText),
                    )
                },
                certificates: caller.certificates.map(\.text),
            )
        }
        return JSONText.encoded(["callers": rows]) + "\n"
    }
}

extension AccessToken {
    /// Whether it is good, for people.
    fileprivate func state(_ now: Instant) -> String {
        if let notBefore, now < notBefore { return "not yet" }
        if let expires, now >= expires { return "expired" }
        return "good"
    }
}

/// Takes a caller or one of its tokens away.
struct AccessRevoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Takes away a caller, or one of its tokens.",
        discussion: """
            EXAMPLES
              holdfast access revoke shop --token 1f0c9a3e --file access.json
              holdfast access revoke shop --file access.json
            """,
    )

    @Argument(help: "The caller's name.")
    var name: String
    @Option(help: ArgumentHelp("Only this token, as `list` names it.", valueName: "id"))
    var token: String?
    @OptionGroup var options: AccessOptions

    func run() async throws {
        struct Revoked: Encodable {
            var name: String
            var tokens: [String]
            var isGone: Bool
        }
        let file = try options.writableFile()
        let revoked = try file.change { callers in
            guard let index = callers.firstIndex(where: { $0.name == name }) else {
                throw CommandError(.notFound, "there is no caller \(name)")
            }
            guard let token else {
                let caller = callers.remove(at: index)
                return Revoked(name: name, tokens: caller.tokens.map(\.hash.id), isGone: true)
            }
            let ids = callers[index].tokens.map(\.hash.id)
            guard ids.contains(token) else {
                throw CommandError(.notFound, "\(name) has no token \(token)")
            }
            callers[index].tokens.removeAll { $0.hash.id == token }
            return Revoked(name: name, tokens: [token], isGone: false)
        }
        if options.json {
            Terminal.writeLine(JSONText.encoded(revoked))
        } else if revoked.isGone {
            Terminal.writeLine(
                "\(printable(name)) is gone, with \(counted(revoked.tokens.count, "token"))"
            )
        } else {
            Terminal.writeLine("token \(revoked.tokens[0]) of \(printable(name)) is gone")
        }
    }
}
