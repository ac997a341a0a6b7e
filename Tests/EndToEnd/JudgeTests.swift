// `holdfast-load judge` on real servers: a few rounds of everything, and servers that leave a step of the
// protocol out, which it must notice.

import Base
import Foundation
import LoadKit
import TestServers
import Testing

extension Heavy {
    @Suite struct JudgeTests {
        private func options(_ mode: JudgeMode, rounds: Int, seed: UInt64) -> JudgeOptions {
            var options = JudgeOptions(mode: mode, holdfast: Binary.path)
            options.rounds = rounds
            options.seed = seed
            options.folder = FileManager.default.temporaryDirectory.path
            return options
        }

        @Test func `a few rounds of everything leave no violation`() async throws {
            let report = try await JudgeTrial.run(options(.all, rounds: 4, seed: 26))
            #expect(report.violations == [], "\(report.text)")
            #expect(report.rounds == 4)
        }

        /// Steps, each with the faults under which it is missed.
        static let broken: [(ProtocolStep, JudgeMode)] = [
            (.oneKey, .kill), (.commitBeforeAnswer, .kill), (.replayBeforeEnd, .kill),
            (.epochCheck, .flush),
        ]

        @Test(arguments: broken)
        func `servers that leave a step out are found guilty`(
            _ step: ProtocolStep,
            _ mode: JudgeMode,
        ) async throws {
            var options = options(mode, rounds: 60, seed: 1)
            options.brokenStep = step.name
            options.stopsAtViolation = true
            let report = try await JudgeTrial.run(options)
            #expect(!report.isGood, "\(report.text)")
        }
    }
}
