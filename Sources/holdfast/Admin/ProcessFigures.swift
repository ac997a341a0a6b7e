// What the kernel says about this process, under the names that Prometheus uses for it everywhere.

internal import Foundation
internal import Telemetry

/// Figures of the process.
enum ProcessFigures {
    /// Adds what can be read now; a figure that cannot is left out rather than made up.
    static func write(to page: inout MetricsPage) {
        page.add(.buildInfo, 1, labels: [holdfastVersion])
        if let files = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
            page.add(.processOpenFiles, Int64(files.count))
        }
        // The name of the program may hold spaces; the fields after its bracket do not.
        guard let stat = read("/proc/self/stat"), let bracket = stat.lastIndex(of: ")") else {
            return
        }
        let fields = stat[stat.index(after: bracket)...].split(separator: " ")
        let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
        // Fields 14, 15, 22 and 24 of proc(5), counted from field 3.
        guard fields.count > 21, let user = Double(fields[11]), let system = Double(fields[12]),
            let start = Double(fields[19]), let pages = Int64(fields[21])
        else { return }
        page.add(.processCPU, fraction: (user + system) / ticksPerSecond)
        page.add(.processResidentMemory, pages * Int64(sysconf(Int32(_SC_PAGESIZE))))
        if let boot = bootSeconds() {
            page.add(.processStart, fraction: boot + start / ticksPerSecond)
        }
    }

    private static func bootSeconds() -> Double? {
        read("/proc/stat")?
            .split(separator: "\n")
            .first { $0.hasPrefix("btime ") }
            .flatMap { Double($0.dropFirst("btime ".count)) }
    }

    private static func read(_ path: String) -> String? {
        try? String(contentsOfFile: path, encoding: .utf8)
    }
}
