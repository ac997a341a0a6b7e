// The bytes of a moment: the same for the same state, whatever stands in its texts.

import Messages
import SwiftProtobuf
import Testing

@testable import holdfast

@Suite struct CanonicalStateTests {
    @Test func `lines have their members in order, and texts are escaped`() {
        var state = CanonicalState()
        var position = Holdfast_V1_Position()
        position.sku = "A\"B\\"
        position.node = "N\u{1}"
        position.onHand = 3
        var safety = Holdfast_V1_ChannelSafety()
        safety.channel = "web"
        safety.quantity = 2
        position.channelSafety = [safety]
        #expect(
            state.add(position)
                == #"{"allocated":0,"available":0,"channel_safety":[{"channel":"web","quantity":2}],"#
                + #""damaged":0,"in_transit":0,"kind":"position","node":"N\u0001","on_hand":3,"#
                + #""quality_control":0,"reserved":0,"safety":0,"sku":"A\"B\\","version":0}"# + "\n"
        )
        var reservation = Holdfast_V1_Reservation()
        reservation.id = "x"
        reservation.state = .held
        reservation.createdAt = Google_Protobuf_Timestamp(seconds: 1, nanos: 5_000)
        reservation.owner = "Zoë\n"
        #expect(
            state.add(reservation)
                == #"{"channel":"","created_at":"1970-01-01T00:00:01.000005Z","#
                + #""expires_at":"1970-01-01T00:00:00.000000Z","id":"x","kind":"reservation","#
                + #""lines":[],"order_id":"","owner":"Zoë\u000a","state":"HELD","#
                + #""transferred_to":""}"# + "\n"
        )
        #expect(state.positions == 1 && state.reservations == 1 && state.open == 1)
    }

    @Test func `the digest is that of the lines, in their order`() {
        // SHA-256 of nothing, as everybody knows it.
        #expect(
            CanonicalState().digest
                == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        )
        var first = Holdfast_V1_Position()
        first.sku = "A"
        var second = Holdfast_V1_Position()
        second.sku = "B"
        func digest(_ positions: [Holdfast_V1_Position]) -> String {
            var state = CanonicalState()
            for position in positions { _ = state.add(position) }
            return state.digest
        }
        #expect(digest([first, second]) == digest([first, second]))
        #expect(digest([first, second]) != digest([second, first]))
    }

    @Test func `moments are read to the microsecond`() throws {
        let moment = try #require(parseExactMoment("2026-11-25T20:24:21.8426Z"))
        #expect(moment.nanos == 842_600_000)
        #expect(exactMomentText(moment) == "2026-11-25T20:24:21.842600Z")
        #expect(parseExactMoment("2026-11-25T20:24:21.000001Z")?.nanos == 1_000)
        #expect(parseExactMoment("2026-11-25T20:24:21Z")?.nanos == 0)
        #expect(
            parseExactMoment("2026-11-25").map(exactMomentText) == "2026-11-25T00:00:00.000000Z"
        )
        for wrong in ["", "now", "2026-11-25T20:24:21.1234567Z", "2026-11-25.5", "12:00:00.5Z"] {
            #expect(parseExactMoment(wrong) == nil, "\(wrong)")
        }
    }
}
