// The main job: a retailer's file played through a real server, and every unit accounted for.

import Foundation
import LoadKit
import Testing

extension Heavy {
    @Suite struct ReplayTests {
        private static let shop = Result { try Deployment(settings: ["--loops": "2"]) }

        @Test func `a replay with enough stock balances and refuses nothing`() async throws {
            let deployment = try Self.shop.get()
            let report = try await replay(invoices: 300, seed: 1, run: "plenty", deployment)
            #expect(report.faults == [])
            #expect(report.rowsRefused == 0)
            #expect(report.rowsByClass.values.reduce(0, +) == report.rows)
            for name in ["ordered", "cancelled", "returned", "adjusted"] {
                #expect(report.rowsByClass[name, default: 0] > 0, "no row was \(name)")
            }
            try expectSound(deployment, atLeast: 100)
        }

        @Test func `a replay with too little stock refuses, and balances all the same`()
            async throws
        {
            let deployment = try Self.shop.get()
            let report = try await replay(
                invoices: 300,
                seed: 2,
                run: "scarce",
                scarcePercent: 50,
                deployment
            )
            #expect(report.faults == [])
            #expect(report.rowsByClass["refused:SOLD_OUT", default: 0] > 0)
            #expect(report.rowsByClass["ordered", default: 0] > 0)
            #expect(report.rowsByClass.values.reduce(0, +) == report.rows)
        }

        @Test func `a unit too many in the database is found`() async throws {
            let deployment = try Deployment()
            let first = try await replay(invoices: 40, seed: 3, run: "tampered", deployment)
            #expect(first.isBalanced)
            _ = try deployment.sql(
                "UPDATE positions SET on_hand = on_hand + 1 WHERE id = (SELECT min(id) FROM positions)"
            )
            // The same run again is answered from what was done, and compared again.
            let second = try await replay(invoices: 40, seed: 3, run: "tampered", deployment)
            #expect(!second.isBalanced)
            #expect(!second.differences.isEmpty)
        }

        private func replay(
            invoices: Int,
            seed: UInt64,
            run: String,
            scarcePercent: Int = 100,
            _ deployment: Deployment,
        ) async throws -> ReplayReport {
            let file = FileManager.default.temporaryDirectory
                .appendingPathComponent("holdfast-\(run)-\(UUID()).csv")
            defer { try? FileManager.default.removeItem(at: file) }
            try shopFile(invoices: invoices, seed: seed)
                .write(to: file, atomically: true, encoding: .utf8)
            var options = ReplayOptions(file: file.path, run: run)
            options.port = deployment.server.grpcPort
            options.scarcePercent = scarcePercent
            return try await Replay.run(options)
        }
    }
}

/// Rows of a made-up shop: orders of a few customers, credit notes, write-offs, and one order of more
/// lines than a request may have.
private func shopFile(invoices: Int, seed: UInt64) -> String {
    var random = SeededRandom(seed: seed)
    var text =
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    let countries = ["United Kingdom", "Germany", "Japan"]
    for number in 0..<invoices {
        let time = "2020-01-\(String(format: "%02d", 1 + number * 20 / invoices)) 10:00:00"
        let customer = Int.random(in: 1...12, using: &random)
        let country = countries[customer % 3]
        let kind = Int.random(in: 0..<10, using: &random)
        let lines = number == 0 ? 520 : Int.random(in: 1...8, using: &random)
        for line in 0..<lines {
            let sku =
                number == 0 ? "S\(line)" : "S\(Int.random(in: 0..<30, using: &random))"
            let units = Int.random(in: 1...9, using: &random)
            let price = "\(Int.random(in: 0...20, using: &random)).\(line % 10)5"
            switch kind {
            case 0 where number > 0:
                text += "C\(10_000 + number),\(sku),THING,-\(units),\(time),\(price),"
                text += "\(customer).0,\(country)\n"
            case 1 where number > 0:
                text += "\(10_000 + number),\(sku),damaged,-\(units),\(time),0.0,,\(country)\n"
            default:
                text += "\(10_000 + number),\(sku),THING,\(units),\(time),\(price),"
                text += "\(customer).0,\(country)\n"
            }
        }
    }
    return text
}
