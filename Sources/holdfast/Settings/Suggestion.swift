// "Did you mean": the known name that is nearest to a wrong one.

/// The known name that takes the fewest edits, when they are few enough for a slip.
func nearest(to wrong: String, among known: [String]) -> String? {
    let best = known.map { ($0, edits(wrong, $0)) }.min { $0.1 < $1.1 }
    guard let (name, count) = best, count <= max(2, wrong.count / 3) else { return nil }
    return name
}

/// Characters to insert, remove or replace to make one text of the other.
private func edits(_ first: String, _ second: String) -> Int {
    let first = Array(first)
    let second = Array(second)
    var row = Array(0...second.count)
    for (index, left) in first.enumerated() {
        var diagonal = row[0]
        row[0] = index + 1
        for (column, right) in second.enumerated() {
            let above = row[column + 1]
            row[column + 1] = left == right ? diagonal : min(diagonal, above, row[column]) + 1
            diagonal = above
        }
    }
    return row[second.count]
}
