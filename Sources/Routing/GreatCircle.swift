// Distances on the earth. Only operations that IEEE 754 defines to the bit are used, and no library's
// sine: a decision that is played again elsewhere must find the same kilometres.

internal import Domain

/// A place as a point of the unit sphere.
struct SpherePoint: Sendable {
    var x: Double
    var y: Double
    var z: Double

    init(_ point: GeoPoint) {
        let latitude = Double(point.latitudeE6) * (.pi / 180_000_000)
        let longitude = Double(point.longitudeE6) * (.pi / 180_000_000)
        let (sinLatitude, cosLatitude) = Self.sinCos(latitude)
        let (sinLongitude, cosLongitude) = Self.sinCos(longitude)
        x = cosLatitude * cosLongitude
        y = cosLatitude * sinLongitude
        z = sinLatitude
    }

    /// Kilometres along the great circle, rounded to whole ones.
    ///
    /// The haversine formula in other words: half the chord is the sine of half the angle.
    func kilometres(to other: SpherePoint) -> Int64 {
        let (a, b, c) = (x - other.x, y - other.y, z - other.z)
        let half = min(1, (a * a + b * b + c * c).squareRoot() / 2)
        let cosine = (1 - half * half).squareRoot()
        // atan2 of the two, both not below zero; at the antipode the cosine is 0.
        let angle =
            half <= cosine ? Self.atan(half / cosine) : .pi / 2 - Self.atan(cosine / half)
        return Int64(2 * Self.radiusKm * angle + 0.5)
    }

    /// The mean radius of the earth.
    private static let radiusKm = 6371.0088

    /// For |x| up to a half turn and a bit: the series, after halving twice.
    private static func sinCos(_ x: Double) -> (Double, Double) {
        let quarter = x / 4
        let square = quarter * quarter
        var (sine, cosine, term) = (0.0, 0.0, 1.0)
        for step in 0..<11 {
            cosine += term
            term *= quarter / Double(2 * step + 1)
            sine += term
            term *= -quarter / Double(2 * step + 2)
        }
        guard square > 0 else { return (0, 1) }
        for _ in 0..<2 {
            (sine, cosine) = (2 * sine * cosine, cosine * cosine - sine * sine)
        }
        return (sine, cosine)
    }

    /// For 0...1: halved three times, then the series.
    private static func atan(_ x: Double) -> Double {
        var small = x
        for _ in 0..<3 {
            small /= 1 + (1 + small * small).squareRoot()
        }
        let square = small * small
        var sum = 0.0
        for step in stride(from: 17, through: 1, by: -2) {
            sum = 1 / Double(step) - square * sum
        }
        return 8 * small * sum
    }
}
