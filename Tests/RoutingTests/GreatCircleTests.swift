// Distances that anybody can look up.

import Domain
import Testing

@testable import Routing

@Suite struct GreatCircleTests {
    @Test(
        arguments: [
            (51_507_400, -127_800, 48_856_600, 2_352_200, 344),
            (51_507_400, -127_800, 52_520_000, 13_405_000, 932),
            (0, 0, 0, 180_000_000, 20_015), (90_000_000, 0, -90_000_000, 0, 20_015),
            (51_507_400, -127_800, 51_507_400, -127_800, 0),
            (-36_848_500, 174_763_300, 51_507_400, -127_800, 18_335),
            (60_000_000, 179_900_000, 60_000_000, -179_900_000, 11),
        ] as [(Int32, Int32, Int32, Int32, Int64)]
    )
    func `a distance is that of the great circle`(
        _ case: (Int32, Int32, Int32, Int32, Int64)
    ) {
        let (a, b, c, d, km) = `case`
        let one = SpherePoint(GeoPoint(latitudeE6: a, longitudeE6: b))
        let two = SpherePoint(GeoPoint(latitudeE6: c, longitudeE6: d))
        #expect(abs(one.kilometres(to: two) - km) <= 1)
        #expect(one.kilometres(to: two) == two.kilometres(to: one))
    }
}
