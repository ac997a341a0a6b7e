// Steps in lanes: what is in one lane happens in order, lanes happen side by side. A plain structure
// that an owner confines; it never waits and never starts anything.

/// Steps that wait, and the lanes that may go on.
struct Lanes<Step> {
    private var steps: [String: [Step]] = [:]
    /// Lanes with steps of which none is under way, oldest first; the first `gone` are used up.
    private var ready: [String] = []
    private var gone = 0
    /// Lanes with a step under way.
    private var busy: Set<String> = []
    /// Steps that wait or are under way.
    private(set) var count = 0

    mutating func add(_ step: Step, to lane: String) {
        let isNew = steps[lane] == nil
        steps[lane, default: []].append(step)
        count += 1
        if isNew, !busy.contains(lane) { ready.append(lane) }
    }

    /// The next step of the lane that has waited longest; the lane is busy until `finish`.
    mutating func next() -> (lane: String, step: Step)? {
        guard gone < ready.count else { return nil }
        let lane = ready[gone]
        gone += 1
        if gone > 1_024 {
            ready.removeFirst(gone)
            gone = 0
        }
        guard var waiting = steps.removeValue(forKey: lane) else { return nil }
        let step = waiting.removeFirst()
        if !waiting.isEmpty { steps[lane] = waiting }
        busy.insert(lane)
        return (lane, step)
    }

    /// The lane's step is over; what comes next in it may go on.
    mutating func finish(_ lane: String) {
        busy.remove(lane)
        count -= 1
        if steps[lane] != nil { ready.append(lane) }
    }
}
