// How failures are told: exit status, text for people, JSON for scripts.

import ArgumentParser
import Foundation
import RPC
import Testing

@testable import holdfast

@Suite struct CommandErrorTests {
    @Test(arguments: [
        (StatusCode.invalidArgument, CommandStatus.invalid), (.outOfRange, .invalid),
        (.failedPrecondition, .refused), (.alreadyExists, .refused), (.aborted, .refused),
        (.notFound, .notFound), (.deadlineExceeded, .unreachable),
        (.unavailable, .unreachable), (.resourceExhausted, .failed), (.internal, .failed),
        (.unimplemented, .failed), (.unauthenticated, .denied), (.permissionDenied, .denied),
        (.unknown, .failed),
    ])
    func `a code of gRPC has an exit status`(code: StatusCode, exit: CommandStatus) {
        #expect(CommandError(Status(code, "x")).exit == exit)
    }

    @Test func `a server that says why it is unavailable was reached`() {
        let details = [StatusDetail.errorInfo(reason: "UNAVAILABLE", domain: "d", metadata: [:])]
        #expect(CommandError(Status(.unavailable, "x", details: details)).exit == .failed)
    }

    @Test func `text names every field, the reason and what to do`() {
        let error = CommandError(
            Status(
                .invalidArgument,
                "the request is wrong",
                details: [
                    .badRequest([
                        FieldViolation(field: "lines[2].quantity", description: "is 0"),
                        FieldViolation(field: "owner", description: "is\nlong"),
                    ]),
                    .errorInfo(reason: "INVALID", domain: "d", metadata: [:]),
                    .retryInfo(delayMilliseconds: 50),
                ],
            )
        )
        #expect(
            error.text == """
                error: the request is wrong
                  lines[2].quantity: is 0
                  owner: is\\u{a}long
                reason: INVALID
                hint: the server asks to try again in 50 ms

                """
        )
    }

    @Test func `JSON is one line with one object`() throws {
        var error = CommandError(.refused, "sold out")
        error.reason = "SOLD_OUT"
        error.violations = [.init(field: "lines[0]", description: "1 of 2")]
        let json = error.json
        #expect(json.hasSuffix("}\n"))
        #expect(json.count { $0 == "\n" } == 1)
        let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
        let body = object?["error"] as? [String: Any]
        #expect(body?["exit_status"] as? Int == 3)
        #expect(body?["reason"] as? String == "SOLD_OUT")
        let violations = body?["violations"] as? [[String: String]]
        #expect(violations == [["field": "lines[0]", "description": "1 of 2"]])
    }

    @Test func `the help of the program documents every exit status`() {
        let help = Holdfast.helpMessage()
        for status in CommandStatus.allCases {
            #expect(help.contains("\(status.rawValue)  \(status.meaning)"))
        }
    }

    @Test func `the help of every command has examples that parse and can be copied`() throws {
        var examples = 0
        for command in Self.commands(of: Holdfast.self) {
            let help = command.helpMessage(columns: 80)
            let start = try #require(help.firstRange(of: "EXAMPLES\n"), "\(command)").upperBound
            let block = help[start...].split(separator: "\n\n", maxSplits: 1)[0]
            // A line that the help wraps begins at its margin and would be two commands.
            for line in block.split(separator: "\n") { #expect(line.hasPrefix("  "), "\(line)") }
            for line in block.replacing("\\\n", with: "").split(separator: "\n") {
                let text = try #require(line.firstRange(of: " holdfast "), "\(line)").upperBound
                examples += 1
                let words = Self.words(line[text...])
                #expect(throws: Never.self, "\(line)") { try Holdfast.parseAsRoot(words) }
            }
        }
        #expect(examples > 40)
    }

    private static func commands(
        of command: any ParsableCommand.Type
    ) -> [any ParsableCommand.Type] {
        [command] + command.configuration.subcommands.flatMap(commands)
    }

    /// Splits as a shell does, as far as our examples go.
    private static func words(_ line: Substring) -> [String] {
        var words: [String] = []
        var word = ""
        var isQuoted = false
        for character in line {
            if character == "'" {
                isQuoted.toggle()
            } else if character == " ", !isQuoted {
                if !word.isEmpty { words.append(word) }
                word = ""
            } else {
                word.append(character)
            }
        }
        return word.isEmpty ? words : words + [word]
    }
}
