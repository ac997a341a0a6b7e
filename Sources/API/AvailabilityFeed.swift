// What may be promised of the items that somebody watches, kept up to date by asking Postgres at an
// even pace: one question for all watchers of a loop, none while nobody watches. Other servers change
// stock too, so only the truth can say what has changed; and its cost does not grow with the changes.

internal import Base
internal import Domain
internal import Loop
internal import NIOCore
internal import Promising

/// The watched items of one event loop; confined to it.
final class AvailabilityFeed<Ledger: StockLedgerPort> {
    /// The pause between two questions, in milliseconds.
    private static var pauseMs: Int64 { 200 }
    /// Items of one question.
    private static var itemsMax: Int { 500 }
    /// How long the truth may be out of reach before watchers are told, in milliseconds.
    private static var silenceMsMax: Int64 { 5_000 }

    private struct Item {
        var nodes: [ExpectedPosition]?
        var watchers = 0
    }

    private let ledger: Ledger
    private let loop: Loop
    private var items: [PositionKey: Item] = [:]
    private var watches: [ObjectIdentifier: AvailabilityWatch] = [:]
    private var isAsking = false
    private var answeredAt = NIODeadline.now()

    init(ledger: Ledger, loop: Loop) {
        self.ledger = ledger
        self.loop = loop
    }

    /// Starts to watch; the caller ends it with `leave`.
    func watch(_ keys: [PositionKey]) -> AvailabilityWatch {
        let watch = AvailabilityWatch(keys)
        watches[ObjectIdentifier(watch)] = watch
        for key in keys {
            items[key, default: Item()].watchers += 1
            if let nodes = items[key]?.nodes { watch.changed(key, nodes) }
        }
        ask()
        return watch
    }

    func leave(_ watch: AvailabilityWatch) {
        watches[ObjectIdentifier(watch)] = nil
        for key in watch.keys {
            items[key]?.watchers -= 1
            if items[key]?.watchers == 0 { items[key] = nil }
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
        while !watches.isEmpty {
            await look()
            // Nothing cancels this task: it ends with its last watcher.
            try? await Task.sleep(for: .milliseconds(Self.pauseMs))
        }
        isAsking = false
    }

    private func look() async {
        var rest = Array(items.keys)[...]
        while !rest.isEmpty {
            let keys = Array(rest.prefix(Self.itemsMax))
            rest = rest.dropFirst(keys.count)
            do throws(Failure) {
                let found = try await ledger.availability(of: keys, by: nil)
                answeredAt = .now()
                for (key, nodes) in zip(keys, found) { note(key, nodes) }
            } catch {
                let silence = (NIODeadline.now() - answeredAt).nanoseconds / 1_000_000
                guard silence > Self.silenceMsMax else { return }
                for watch in watches.values { watch.fail(error) }
                return
            }
        }
    }

    private func note(_ key: PositionKey, _ nodes: [ExpectedPosition]) {
        guard let item = items[key], item.nodes != nodes else { return }
        items[key]?.nodes = nodes
        for watch in watches.values { watch.changed(key, nodes) }
    }
}

/// What one caller watches, and what it has not been told yet; confined to its loop.
final class AvailabilityWatch {
    /// What has changed: places in the request, with what is there now.
    typealias Changes = [(index: Int, nodes: [ExpectedPosition])]

    let keys: [PositionKey]
    private let places: [PositionKey: [Int]]
    private var latest: [PositionKey: [ExpectedPosition]] = [:]
    private var unseen: Set<PositionKey> = []
    private(set) var failure: Failure?
    private var waiter: CheckedContinuation<Void, Never>?
    private var isFirst = true

    init(_ keys: [PositionKey]) {
        self.keys = keys
        places = Dictionary(
            keys.enumerated().map { ($0.element, [$0.offset]) },
            uniquingKeysWith: { $0 + $1 },
        )
    }

    /// Waits until there is something new; the first time, until every item is known.
    ///
    /// An item that changed several times meanwhile is there once, as it is now. Nothing is new when
    /// the caller has gone, or when `failure` says why no more will come.
    func next() async -> Changes {
        while failure == nil, !isReady, !Task.isCancelled {
            await withCheckedContinuation { waiter = $0 }
        }
        guard failure == nil, isReady else { return [] }
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

    func fail(_ failure: Failure) {
        self.failure = failure
        wake()
    }

    private var isReady: Bool {
        isFirst ? latest.count == places.count : !unseen.isEmpty
    }
}
