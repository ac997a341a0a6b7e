// The admin plane as somebody who watches a server reads it.

import Foundation
import Testing

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// What the admin plane answered.
struct Page {
    var status: Int
    var text: String

    init(_ server: ServerProcess, _ path: String) async throws {
        let url = try #require(URL(string: "http://127.0.0.1:\(server.adminPort)\(path)"))
        let (data, response) = try await URLSession.shared.data(from: url)
        status = (response as? HTTPURLResponse)?.statusCode ?? 0
        text = String(decoding: data, as: UTF8.self)
    }

    /// The sum of a metric over its labels; nil when it is not there.
    func metric(_ name: String, _ label: String = "") -> Double? {
        let values = text.split(separator: "\n")
            .compactMap { line -> Double? in
                let parts = line.split(separator: " ")
                guard parts.count == 2,
                    parts[0].split(separator: "{").first.map(String.init) == name,
                    label.isEmpty || parts[0].contains(label)
                else { return nil }
                return Double(parts[1])
            }
        return values.isEmpty ? nil : values.reduce(0, +)
    }
}
