// Which methods go first is written down for each, not left to a default.

import API
import RPC
import Testing

@Suite struct MethodPriorityTests {
    @Test func `every method that is served has a priority, and no other`() {
        #expect(MethodPriority.paths == Set(ServedMethods.paths))
    }

    @Test func `what ends work goes before what begins some, and that before what looks`() {
        let reservations = "/holdfast.v1.ReservationService"
        let order = ["Confirm", "Reserve", "GetReservation"]
            .map { MethodPriority.of("\(reservations)/\($0)") }
        #expect(order == [.high, .normal, .low])
        #expect(MethodPriority.of("/grpc.health.v1.Health/Check") == .exempt)
    }
}
