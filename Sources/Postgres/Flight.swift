// What is known about one unit that was sent and not answered yet. A machine without I/O: it is told
// what libpq returned, in order, and says at the synchronisation point what to answer.
//
// Wrong in three ways: more results than were asked for, and a step without one at the end, cannot
// happen (our bug, or a server that breaks its protocol); an error after the last result is
// legitimate, it means that the commit failed.

internal import Base

/// A unit in the pipeline.
struct Flight {
    /// One message that the server answers with a result.
    enum Answer {
        /// A statement becomes known under this name.
        case prepared(String)
        case executed
        /// How long the statements after it may take: nobody looks at the result.
        case limited
    }

    private let unit: Unit
    /// What is still to be answered before the synchronisation point, in order.
    private var expected: ArraySlice<Answer>
    private var results: [PostgresResult] = []
    private var error: PostgresError?
    let isScript: Bool

    init(_ unit: Unit, expecting answers: [Answer], isScript: Bool) {
        self.unit = unit
        expected = answers[...]
        self.isScript = isScript
    }

    /// The next message succeeded; returns the name of the statement that is prepared now.
    mutating func succeeded(_ result: consuming PostgresResult) -> String? {
        // A script has as many results as it has statements; nobody looks at them.
        if isScript { return nil }
        guard let answer = expected.popFirst() else {
            invariantBroken("the server answered more than it was asked")
        }
        switch answer {
        case .prepared(let name): return name
        case .executed:
            results.append(result)
            return nil
        case .limited: return nil
        }
    }

    /// The server reported an error, for the next message or for the commit; returns the name of
    /// the statement that is not prepared because of it.
    mutating func failed(_ serverError: PostgresError) -> String? {
        if error == nil { error = serverError }
        return passedOver()
    }

    /// The server skipped the next message because of an earlier error.
    mutating func passedOver() -> String? {
        if case .prepared(let name)? = expected.popFirst() { name } else { nil }
    }

    /// Something happened at the commit that makes its durability doubtful.
    mutating func doubted(_ doubt: PostgresError) {
        if error == nil { error = doubt }
    }

    /// The synchronisation point was reached: the unit is committed, or rolled back.
    consuming func synchronised() -> Outcome {
        if let error { return Outcome(unit, .failure(error)) }
        invariant(expected.isEmpty, "the server synchronised before it answered everything")
        return Outcome(unit, .success(results))
    }

    /// The connection ended before the synchronisation point.
    ///
    /// After an ordinary error the server can only have rolled back; else nobody knows.
    consuming func cut(_ reason: PostgresError) -> Outcome {
        Outcome(unit, .failure(error ?? reason))
    }
}

/// A unit and what to tell its submitter.
struct Outcome {
    private let unit: Unit
    let result: Result<[PostgresResult], PostgresError>

    init(_ unit: Unit, _ result: Result<[PostgresResult], PostgresError>) {
        self.unit = unit
        self.result = result
    }

    /// Calls the submitter.
    consuming func deliver() {
        unit.completion(result)
    }
}
