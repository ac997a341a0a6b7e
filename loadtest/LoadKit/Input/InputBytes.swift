// The bytes of a file, plain or packed with gzip, piece by piece. It never writes anything.

internal import Foundation

/// Why a file could not be read.
package struct InputFailure: Error, CustomStringConvertible {
    package var description: String
}

enum InputBytes {
    private static let pieceBytes = 1 << 18

    /// Hands over the file in pieces; a name that ends in `.gz` is unpacked by `gzip`.
    static func read(_ path: String, _ take: (Data) -> Void) throws(InputFailure) {
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw InputFailure(description: "cannot read \(path)")
        }
        do {
            if path.hasSuffix(".gz") {
                try unpack(path, take)
            } else {
                try drain(FileHandle(forReadingFrom: URL(filePath: path)), take)
            }
        } catch let failure as InputFailure {
            throw failure
        } catch {
            throw InputFailure(description: "cannot read \(path): \(error)")
        }
    }

    private static func unpack(_ path: String, _ take: (Data) -> Void) throws {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["gzip", "-dc", "--", path]
        process.standardOutput = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        try drain(pipe.fileHandleForReading, take)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw InputFailure(
                description: "gzip could not unpack \(path) (exit \(process.terminationStatus))"
            )
        }
    }

    private static func drain(_ file: FileHandle, _ take: (Data) -> Void) throws {
        while let piece = try file.read(upToCount: pieceBytes), !piece.isEmpty {
            take(piece)
        }
    }
}
