// What may be promised of the items that somebody watches, kept up to date by asking Postgres at an
// even pace: one question for all watchers of a loop, none while nobody watches. Other servers change
// stock too, so only the truth can say what has changed; and its cost does not grow with the changes.

internal import Base
internal import Domain
package import Loop
internal import NIOCore
package import Promising
internal import RPC

/// The watched items of one event loop; confined to it.
package final class AvailabilityFeed<Ledger: StockLedgerPort> {
    /// The pause between two rounds of questions, in milliseconds.
    private static var pauseMs: Int64 { 200 }
    /// Items of one question.
    private static var questionItemsMax: Int { 500 }
    /// Items that are watched at once, each counted once: forty questions a round.
    private static var itemsMax: Int { 20_000 }
    /// How long the truth may be out of reach before watchers are told, in milliseconds.
    private static var silenceMsMax: Int64 { 5_000 }

    private struct Item {
        var nodes: [ExpectedPosition]?
        var watches: [ObjectIdentifier: AvailabilityWatch] = [:]
    }

    private let ledger: Ledger
    private let loop: Loop
    private var items: [PositionKey: Item] = [:]
    private var isAsking = false
    private var isStopped = false
    private var answeredAt = NIODeadline.now()

    package init(ledger: Ledger, loop: Loop) {
        self.ledger = ledger
        self.loop = loop
    }

    /// Ends every watch, and begins none any more: a watch has no end of its own that a server which
    /// is shutting down could wait for.
    package func stop() {
        isStopped = true
        endAll(.shuttingDown)
    }

    /// Starts to watch; the caller ends it with `leave`.
    func watch(_ keys: [PositionKey]) throws(Status) -> AvailabilityWatch {
        if isStopped { throw .shuttingDown }
        let watch = AvailabilityWatch(keys)
        let added = watch.keys.count { items[$0] == nil }
        if items.count + added > Self.itemsMax {
            throw Status(
                .resourceExhausted,
                "too many items are watched already",
                details: [.retryInfo(delayMilliseconds: 1_000)],
            )
        }
        for key in watch.keys {
            items[key, default: Item()].watches[ObjectIdentifier(watch)] = watch
            if let nodes = items[key]?.nodes { watch.changed(key, nodes) }
        }
        ask()
        return watch
    }

    func leave(_ watch: AvailabilityWatch) {
        for key in watch.keys {
            items[key]?.watches[ObjectIdentifier(watch)] = nil
            if items[key]?.watches.isEmpty == true { items[key] = nil }
        }
    }

    private func ask() {
        if isAsking { return }
        isAsking = true
        answeredAt = .now()
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        loop.start { await bound.value.askAgain() }
    }

    private func askAgain() async {
        while !items.isEmpty {
            // Asked for all watchers: the deadline of the one who came first is not theirs.
            await Deadline.$current.withValue(.never) { await look() }
            // Nothing cancels this task: it ends with its last watcher.
            try? await Task.sleep(for: .milliseconds(Self.pauseMs))
        }
        isAsking = false
    }

    private func look() async {
        var rest = Array(items.keys)[...]
        while !rest.isEmpty {
            let keys = Array(rest.prefix(Self.questionItemsMax))
            rest = rest.dropFirst(keys.count)
            do throws(Failure) {
                let found = try await ledger.availability(of: keys, by: nil)
                answeredAt = .now()
                for (key, nodes) in zip(keys, found) { note(key, nodes) }
            } catch {
                let silence = (NIODeadline.now() - answeredAt).nanoseconds / 1_000_000
                if silence > Self.silenceMsMax { endAll(Status(error)) }
                return
            }
        }
    }

    private func note(_ key: PositionKey, _ nodes: [ExpectedPosition]) {
        guard let item = items[key], item.nodes != nodes else { return }
        items[key]?.nodes = nodes
        for watch in item.watches.values { watch.changed(key, nodes) }
    }

    private func endAll(_ status: Status) {
        for item in items.values {
            for watch in item.watches.values { watch.end(status) }
        }
    }
}

extension Status {
    fileprivate static let shuttingDown = Status(.unavailable, "the server is shutting down")
}

/// What one caller watches, and what it has not been told yet; confined to its loop.
final class AvailabilityWatch {
    /// What has changed: places in the request, with what is there now.
    typealias Changes = [(index: Int, nodes: [ExpectedPosition])]

    private let places: [PositionKey: [Int]]
    private var latest: [PositionKey: [ExpectedPosition]] = [:]
    private var unseen: Set<PositionKey> = []
    /// Why no more will come.
    private(set) var over: Status?
    private var waiter: CheckedContinuation<Void, Never>?
    private var isFirst = true

    init(_ keys: [PositionKey]) {
        places = Dictionary(
            keys.enumerated().map { ($0.element, [$0.offset]) },
            uniquingKeysWith: { $0 + $1 },
        )
    }

    /// The items, each once.
    var keys: Dictionary<PositionKey, [Int]>.Keys { places.keys }

    /// Waits until there is something new; the first time, until every item is known.
    ///
    /// An item that changed several times meanwhile is there once, as it is now. Nothing is new when
    /// the caller has gone, or when `over` says why no more will come.
    func next() async -> Changes {
        while over == nil, !isReady, !Task.isCancelled {
            await withCheckedContinuation { waiter = $0 }
        }
        guard over == nil, isReady else { return [] }
        isFirst = false
        var changes: Changes = []
        for key in unseen {
            for index in places[key] ?? [] { changes.append((index, latest[key] ?? [])) }
        }
        unseen = []
        return changes.sorted { $0.index < $1.index }
    }

    /// Lets a wait end without news, because its caller has gone.
    func wake() {
        waiter?.resume()
        waiter = nil
    }

    func changed(_ key: PositionKey, _ nodes: [ExpectedPosition]) {
        guard places[key] != nil, latest[key] != nodes else { return }
        latest[key] = nodes
        unseen.insert(key)
        if isReady { wake() }
    }

    func end(_ status: Status) {
        over = over ?? status
        wake()
    }

    private var isReady: Bool {
        isFirst ? latest.count == places.count : !unseen.isEmpty
    }
}
