// Gives back the pages of the program's own text that only the start needed.
//
// Parsing arguments, reading the configuration and Swift's search for conformances touch most of the
// program once: 30 MB that count as the server's memory and are never looked at again. What is wanted
// later the kernel maps again, from the file that it has in memory anyway.

internal import Foundation

enum StartPages {
    /// Unmaps the text of this program; returns how many bytes, 0 where that is not possible.
    ///
    /// Only pages that are read or executed and cannot have been written: nothing is lost.
    @discardableResult
    static func giveBack() -> Int {
        guard
            let program = try? FileManager.default.destinationOfSymbolicLink(
                atPath: "/proc/self/exe"
            ),
            let maps = try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
        else { return 0 }
        var bytes = 0
        for line in maps.split(separator: "\n") where line.hasSuffix(program) {
            guard let range = textRange(line) else { continue }
            if unsafe madvise(
                UnsafeMutableRawPointer(bitPattern: range.lowerBound),
                range.count,
                MADV_DONTNEED
            ) == 0 {
                bytes += range.count
            }
        }
        return bytes
    }

    /// Where a mapping lies that may be read and executed and not written, from a line of
    /// /proc/self/maps (proc(5)): `from-to r-xp offset device inode path`.
    static func textRange(_ line: Substring) -> Range<UInt>? {
        let fields = line.split(separator: " ", maxSplits: 2)
        guard fields.count == 3, fields[1] == "r-xp" else { return nil }
        let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
        guard ends.count == 2, ends[0] < ends[1] else { return nil }
        return ends[0]..<ends[1]
    }
}
