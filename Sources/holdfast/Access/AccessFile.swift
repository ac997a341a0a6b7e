// The access file on disk: read whole, replaced whole. A reader sees the file before a change or after
// it, never a part.

internal import API
internal import Foundation
internal import RPC
internal import SystemPackage

/// An access file.
struct AccessFile {
    /// A file that is larger is a mistake.
    private static let bytesMax = 16 * 1_024 * 1_024

    let path: String

    /// Its bytes, when it may be trusted with saying who may do what.
    func bytes() throws(AccessFileError) -> Data {
        let data: Data
        do {
            let mode = try mode
            // Whoever can write here can give himself every right.
            if mode & 0o022 != 0 {
                let octal = String(mode, radix: 8)
                throw failure("may be written by others (mode \(octal)): chmod go-w")
            }
            data = try Data(contentsOf: URL(fileURLWithPath: resolved))
        } catch let error as AccessFileError {
            throw error
        } catch {
            throw failure("cannot be read: \((error as NSError).localizedDescription)")
        }
        guard data.count <= Self.bytesMax else {
            throw failure("has \(data.count) bytes, at most \(Self.bytesMax) are allowed")
        }
        return data
    }

    /// The callers in it.
    func callers() throws(AccessFileError) -> [AccessCaller] {
        try callers(in: try bytes())
    }

    /// The callers in bytes that were read from it.
    func callers(in data: Data) throws(AccessFileError) -> [AccessCaller] {
        let (callers, problems) = AccessDocument.callers(in: data)
        guard problems.isEmpty else { throw AccessFileError(path: path, problems: problems) }
        return callers
    }

    var isThere: Bool { FileManager.default.fileExists(atPath: path) }

    /// Changes the callers and replaces the file; a file that is not there is made.
    ///
    /// Nothing is written when the change throws, or leaves something wrong.
    func change<Value>(_ body: (inout [AccessCaller]) throws -> Value) throws -> Value {
        let folder = URL(fileURLWithPath: resolved).deletingLastPathComponent().path
        let lock: FileDescriptor
        do {
            lock = try FileDescriptor.open(FilePath(folder), .readOnly)
        } catch {
            throw failure("cannot be written: there is no folder \(folder)")
        }
        defer { try? lock.close() }
        // Two changes at once would lose one of them; the folder is the lock, and leaves no file.
        _ = flock(lock.rawValue, LOCK_EX)
        var callers = isThere ? try self.callers() : []
        let value = try body(&callers)
        let problems = AccessCaller.problems(in: callers)
        guard problems.isEmpty else { throw AccessFileError(path: path, problems: problems) }
        try replace(with: try AccessDocument.data(callers))
        return value
    }

    /// Writes beside the file and takes its place.
    ///
    /// A new file is for its owner alone; one that is there keeps its mode, which may well let a
    /// server read that runs as somebody else.
    private func replace(with data: Data) throws {
        do {
            let kept = isThere ? try mode : 0o600
            try data.write(to: URL(fileURLWithPath: resolved), options: .atomic)
            try FileManager.default.setAttributes([.posixPermissions: kept], ofItemAtPath: resolved)
        } catch {
            throw failure("cannot be written: \((error as NSError).localizedDescription)")
        }
    }

    private var mode: Int {
        get throws {
            let attributes = try FileManager.default.attributesOfItem(atPath: resolved)
            return attributes[.posixPermissions] as? Int ?? 0o600
        }
    }

    private func failure(_ what: String) -> AccessFileError {
        AccessFileError(path: path, problems: [FieldViolation(field: "", description: what)])
    }

    /// The file itself, where the path is a link to it: a link must stay one.
    private var resolved: String {
        URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    }
}
