// A reader of Prometheus' text format, written from its description and not from our writer.

import Testing

/// A page as Prometheus would read it.
struct Exposition {
    struct Sample: Equatable {
        var name: String
        var labels: [String: String]
        var value: Double
    }

    struct Malformed: Error {
        var line: String
        var why: String
    }

    var help: [String: String] = [:]
    var types: [String: String] = [:]
    var samples: [Sample] = []

    init(_ text: String) throws {
        if !text.hasSuffix("\n") { throw Malformed(line: "", why: "no line feed at the end") }
        var seen: Set<String> = []
        for line in text.split(separator: "\n") {
            if line.hasPrefix("# ") {
                try readComment(line)
                continue
            }
            let sample = try Self.sample(line)
            samples.append(sample)
            let series = "\(sample.name) \(sample.labels.sorted { $0.key < $1.key })"
            if !seen.insert(series).inserted {
                throw Malformed(line: String(line), why: "appears twice")
            }
        }
    }

    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        samples.first { $0.name == name && $0.labels == labels }?.value
    }

    private mutating func readComment(_ line: Substring) throws {
        let parts = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4 else { throw Malformed(line: String(line), why: "short comment") }
        let name = String(parts[2])
        switch parts[1] {
        case "HELP":
            guard help.updateValue(String(parts[3]), forKey: name) == nil else {
                throw Malformed(line: String(line), why: "second HELP")
            }
        case "TYPE":
            guard types.updateValue(String(parts[3]), forKey: name) == nil else {
                throw Malformed(line: String(line), why: "second TYPE")
            }
        default: throw Malformed(line: String(line), why: "unknown comment")
        }
    }

    private static func sample(_ line: Substring) throws -> Sample {
        func malformed(_ why: String) -> Malformed { Malformed(line: String(line), why: why) }
        var rest = line
        let name = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == ":" }
        rest = rest.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            rest = rest.dropFirst()
            while rest.first != "}" {
                let label = rest.prefix { $0 != "=" }
                rest = rest.dropFirst(label.count)
                guard rest.hasPrefix("=\"") else { throw malformed("no quote") }
                rest = rest.dropFirst(2)
                var value = ""
                while let character = rest.popFirst(), character != "\"" {
                    guard character == "\\" else {
                        value.append(character)
                        continue
                    }
                    switch rest.popFirst() {
                    case "n": value.append("\n")
                    case "\\": value.append("\\")
                    case "\"": value.append("\"")
                    default: throw malformed("unknown escape")
                    }
                }
                labels[String(label)] = value
                if rest.first == "," { rest = rest.dropFirst() }
            }
            rest = rest.dropFirst()
        }
        guard rest.first == " " else { throw malformed("no space before the value") }
        let text = rest.dropFirst()
        guard let value = text == "+Inf" ? .infinity : Double(text) else {
            throw malformed("no number")
        }
        return Sample(name: String(name), labels: labels, value: value)
    }
}
