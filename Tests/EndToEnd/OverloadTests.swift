// `holdfast-load overload` against a real server: the table is complete, and the books balance after
// it. How fast the machine is decides nothing here.

import Foundation
import LoadKit
import Testing

extension Heavy {
    @Suite struct OverloadTests {
        /// The command, as a process; its report comes back as JSON.
        private func overload(
            _ server: ServerProcess,
            _ flags: [String] = [],
        ) throws -> (status: Int32, report: [String: Any]) {
            let ended = try Binary.run(
                [
                    Binary.path(of: "holdfast-load"), "overload", "--server",
                    "127.0.0.1:\(server.grpcPort)", "--run", "test", "--json", "--quiet",
                    "--capacity-seconds", "1", "--level-seconds", "1",
                ] + flags
            )
            let json = try JSONSerialization.jsonObject(with: Data(ended.output.utf8))
            return (ended.status, try #require(json as? [String: Any], "\(ended.errors)"))
        }

        @Test func `every call of an overload is accounted for, and the books balance`() throws {
            // Few calls at once, so that a slow machine refuses as well.
            let deployment = try Deployment(
                settings: ["--rpc-calls-max": "40", "--rpc-streams-max": "40"]
            )
            let (status, verdict) = try overload(deployment.server)
            #expect(status == (verdict["good"] as? Bool == true ? 0 : 1))
            let data = try JSONSerialization.data(withJSONObject: verdict["report"] ?? [:])
            let report = try JSONDecoder().decode(OverloadReport.self, from: data)
            #expect(report.levels.map(\.name) == ["1x", "2x", "5x"])
            for level in [report.capacity] + report.levels {
                #expect(Set(level.calls.keys) == ["Confirm", "Reserve", "GetReservation"])
                let total = level.total
                #expect(total.accepted > 0, "\(level.name)")
                #expect(total.offered == total.accepted + total.refused + total.failed)
                #expect(total.refused == level.refusals.values.reduce(0, +))
                #expect(total.failed == level.errors.values.reduce(0, +))
                // Whoever is sent away is told when to come again.
                #expect(level.refusalsWithDelay == total.refused, "\(level.refusals)")
                #expect(0 < level.p50Microseconds && level.p50Microseconds <= level.p99Microseconds)
            }
            #expect(report.levels.last?.total.refused ?? 0 > 0)
            try expectSound(deployment, atLeast: report.reservedEver)
            // What was accepted is in the books; a call past its deadline may be, too.
            let reserved = try deployment.number("SELECT count(*) FROM reservations")
            #expect(reserved >= report.reservedEver)
            let confirmed = try deployment.number(
                "SELECT count(*) FROM reservations WHERE state = 3"
            )
            #expect(confirmed >= report.confirmedEver)
            #expect(report.confirmedEver > 0)
        }

        @Test func `another machine is never overloaded`() throws {
            let ended = try Binary.run([
                Binary.path(of: "holdfast-load"), "overload", "--server", "192.0.2.1:50051",
            ])
            #expect(ended.status == 64)
            #expect(ended.errors.contains("not this machine"))
        }
    }
}
