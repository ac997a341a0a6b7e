// The access file as text: JSON with one object per caller. Whatever is not understood is refused with
// its place, because a slip in a right is either a door left open or a caller shut out.
//
//     {"callers": [{
//       "name": "web-shop",
//       "roles": ["caller", "channel"],
//       "channel": "web",
//       "tokens": [{"hash": "sha256:...", "not_before": "2026-12-01T00:00:00Z", "expires": "..."}],
//       "certificates": ["uri:spiffe://shop/web", "dns:web.shop.example"]
//     }]}

internal import API
internal import Base
internal import Foundation
internal import RPC
internal import SwiftProtobuf

/// What is wrong with an access file, each with its place.
struct AccessFileError: Error, Equatable, CustomStringConvertible {
    var path: String
    var problems: [FieldViolation]

    var description: String {
        let list = problems.map {
            $0.field.isEmpty ? $0.description : "\($0.field) \($0.description)"
        }
        return "\(path): \(list.joined(separator: "; "))"
    }
}

/// Reads and writes the text of an access file.
struct AccessDocument {
    private var problems: [FieldViolation] = []

    /// The callers that a text describes, or everything that is wrong with it.
    static func callers(in data: Data) -> (callers: [AccessCaller], problems: [FieldViolation]) {
        var document = AccessDocument()
        let callers = document.read(data)
        if document.problems.isEmpty { document.problems = AccessCaller.problems(in: callers) }
        return (callers, document.problems)
    }

    private mutating func read(_ data: Data) -> [AccessCaller] {
        let json: Any
        do {
            json = try JSONSerialization.jsonObject(with: data)
        } catch {
            fail("", "is no valid JSON")
            return []
        }
        guard let object = object(json, "", ["callers"]) else { return [] }
        return list(object["callers"], "callers", isRequired: true)
            .map { caller($0.value, $0.place) }
    }

    private mutating func caller(_ json: Any, _ place: String) -> AccessCaller {
        var caller = AccessCaller(name: "", roles: [])
        let members = ["name", "roles", "channel", "tokens", "certificates"]
        guard let object = object(json, place, members) else { return caller }
        caller.name = text(object["name"], "\(place).name", isRequired: true) ?? ""
        for role in list(object["roles"], "\(place).roles", isRequired: true) {
            guard let name = text(role.value, role.place, isRequired: true) else { continue }
            if let known = Role(rawValue: name) {
                caller.roles.formUnion(known.alone)
                continue
            }
            let names = Role.allCases.map(\.rawValue)
            let hint = nearest(to: name, among: names).map { "; did you mean \($0)?" } ?? ""
            fail(role.place, "is \"\(name)\", which is no role\(hint)")
        }
        caller.channel = text(object["channel"], "\(place).channel") ?? ""
        caller.tokens = list(object["tokens"], "\(place).tokens")
            .compactMap { token($0.value, $0.place) }
        for entry in list(object["certificates"], "\(place).certificates") {
            guard let name = text(entry.value, entry.place, isRequired: true) else { continue }
            if let certificate = CertificateName(name) {
                caller.certificates.append(certificate)
            } else {
                fail(entry.place, "must be uri:NAME or dns:NAME")
            }
        }
        return caller
    }

    private mutating func token(_ json: Any, _ place: String) -> AccessToken? {
        guard let object = object(json, place, ["hash", "not_before", "expires"]) else {
            return nil
        }
        let notBefore = moment(object["not_before"], "\(place).not_before")
        let expires = moment(object["expires"], "\(place).expires")
        guard let text = text(object["hash"], "\(place).hash", isRequired: true) else { return nil }
        guard let hash = TokenHash(text) else {
            // What stands there may be a token that somebody took for its hash: it is not shown.
            fail("\(place).hash", "must be sha256: and 64 hex digits")
            return nil
        }
        return AccessToken(hash: hash, notBefore: notBefore, expires: expires)
    }

    // MARK: JSON

    private mutating func fail(_ field: String, _ description: String) {
        problems.append(FieldViolation(field: field, description: description))
    }

    private mutating func object(
        _ json: Any,
        _ place: String,
        _ members: [String],
    ) -> [String: Any]? {
        guard let object = json as? [String: Any] else {
            fail(place, "must be an object")
            return nil
        }
        for name in object.keys.sorted() where !members.contains(name) {
            let hint = nearest(to: name, among: members).map { "; did you mean \($0)?" } ?? ""
            fail(place.isEmpty ? name : "\(place).\(name)", "is not known here\(hint)")
        }
        return object
    }

    private mutating func list(
        _ json: Any?,
        _ place: String,
        isRequired: Bool = false,
    ) -> [(value: Any, place: String)] {
        guard let json else {
            if isRequired { fail(place, "is missing") }
            return []
        }
        guard let list = json as? [Any] else {
            fail(place, "must be a list")
            return []
        }
        return list.enumerated().map { ($1, "\(place)[\($0)]") }
    }

    private mutating func text(
        _ json: Any?,
        _ place: String,
        isRequired: Bool = false,
    ) -> String? {
        guard let json else {
            if isRequired { fail(place, "is missing") }
            return nil
        }
        if let text = json as? String { return text }
        fail(place, "must be a text")
        return nil
    }

    private mutating func moment(_ json: Any?, _ place: String) -> Instant? {
        guard let text = text(json, place) else { return nil }
        if let moment = parseMoment(text) { return Instant(seconds: moment.seconds) }
        fail(place, "must be a moment such as 2026-12-01T00:00:00Z")
        return nil
    }

    // MARK: Writing

    /// The text of callers; reading it gives the same callers.
    static func data(_ callers: [AccessCaller]) throws -> Data {
        struct File: Encodable {
            var callers: [Row]
        }
        struct Row: Encodable {
            var name: String
            var roles: [String]
            var channel: String?
            var tokens: [Token]
            var certificates: [String]?
        }
        struct Token: Encodable {
            var hash: String
            var notBefore: String?
            var expires: String?
        }
        let rows = callers.map { caller in
            Row(
                name: caller.name,
                roles: caller.roles.list.map(\.rawValue),
                channel: caller.channel.isEmpty ? nil : caller.channel,
                tokens: caller.tokens.map { token in
                    Token(
                        hash: token.hash.text,
                        notBefore: token.notBefore.map(isoText),
                        expires: token.expires.map(isoText),
                    )
                },
                certificates: caller.certificates.isEmpty
                    ? nil : caller.certificates.map(\.text),
            )
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return try encoder.encode(File(callers: rows)) + Data("\n".utf8)
    }
}

/// A moment as the access file holds it, in whole seconds.
func isoText(_ moment: Instant) -> String {
    Date(timeIntervalSince1970: TimeInterval(moment.microseconds / 1_000_000)).formatted(.iso8601)
}
