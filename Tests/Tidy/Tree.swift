// Finds the files of the project on the disk. Hidden folders and what git ignores are not ours to
// judge; nothing here writes.

import Foundation

/// The project around this file.
struct Tree {
    let root: URL
    /// The names at the top, without those that git ignores.
    let top: [String]
    let files: [SourceText]

    private static let textSuffixes = [
        "swift", "lua", "sql", "proto", "md", "sh", "py", "yml", "yaml", "json", "h", "modulemap",
        "csv", "txt", "html", "css", "js", "in",
    ]

    /// Reads the tree that holds this very source file.
    init(thisFile: String = #filePath) throws {
        root = URL(fileURLWithPath: thisFile).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let manager = FileManager.default
        let ignore = try String(contentsOf: root.appending(path: ".gitignore"), encoding: .utf8)
        let ignored = Set(
            splitLines(ignore).map { $0.trimmingCharacters(in: CharacterSet(charactersIn: "/ ")) }
        )
        top = try manager.contentsOfDirectory(atPath: root.path)
            .filter { !ignored.contains($0) }
            .sorted()
        var files: [SourceText] = []
        for name in top where !name.hasPrefix(".") {
            try Self.read(name, under: root, ignored: ignored, into: &files)
        }
        self.files = files
    }

    private static func read(
        _ path: String,
        under root: URL,
        ignored: Set<String>,
        into files: inout [SourceText],
    ) throws {
        let url = root.appending(path: path)
        if try url.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true {
            for name in try FileManager.default.contentsOfDirectory(atPath: url.path).sorted()
            where !name.hasPrefix(".") && !ignored.contains(name) {
                try read(path + "/" + name, under: root, ignored: ignored, into: &files)
            }
            return
        }
        let isScript = url.pathExtension.isEmpty && path.hasPrefix("ops/")
        guard isScript || textSuffixes.contains(url.pathExtension) else { return }
        let text = String(decoding: try Data(contentsOf: url), as: UTF8.self)
        files.append(SourceText(path: path, text: text))
    }
}
