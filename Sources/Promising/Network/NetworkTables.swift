// Makes one document of several files: JSON as it is, tables (CSV) put together by the names of the
// nodes and services that their rows belong to.

package import Base

/// A file that somebody sent.
package struct DocumentFile: Hashable, Sendable {
    /// As the sender calls it; its ending and last part say what it is, and faults name it.
    package var name: String
    package var text: String

    package init(name: String, text: String) {
        self.name = name
        self.text = text
    }
}

/// The tables that a network may come in, with their columns.
enum NetworkTable: String, CaseIterable {
    case services
    case rates
    case nodes
    case calendar
    case exceptions
    case lanes
    case places

    var columns: Set<String> {
        switch self {
        case .services: NetworkReader.serviceMembers.subtracting(["rates"])
        case .rates: NetworkReader.rateMembers.union(["service"])
        case .nodes: NetworkReader.nodeMembers.subtracting(["calendar", "exceptions", "lanes"])
        case .calendar: NetworkReader.windowMembers.union(["node"])
        case .exceptions: NetworkReader.windowMembers.subtracting(["days"]).union(["node", "date"])
        case .lanes: NetworkReader.laneMembers.union(["node"])
        case .places: NetworkReader.placeMembers
        }
    }

    /// The table that a file holds; nil when its name does not say.
    init?(file: String) {
        let last = file.split(separator: "/").last ?? ""
        guard last.hasSuffix(".csv") else { return nil }
        self.init(rawValue: String(last.dropLast(4)))
    }
}

extension NetworkReader {
    /// Reads everything that the files have.
    package static func read(
        _ files: [DocumentFile]
    ) -> (draft: NetworkDraft, faults: [DocumentFault]) {
        var me = NetworkReader()
        var tables: [NetworkTable: [DocumentValue]] = [:]
        for file in files {
            let start = DocumentPlace(file: file.name, line: 1)
            if let table = NetworkTable(file: file.name) {
                if tables[table] != nil { me.reader.fail(start, "", "is the second such table") }
                do throws(DocumentFaults) {
                    let read = try CSVTable(file.text, file: file.name, columns: table.columns)
                    tables[table] = read.rows
                } catch {
                    me.reader.add(error.faults)
                    tables[table] = []
                }
            } else if file.name.hasSuffix(".csv") {
                let names = NetworkTable.allCases.map { $0.rawValue + ".csv" }
                me.reader.fail(
                    start,
                    "",
                    "is no table of a network: \(names.joined(separator: ", "))"
                )
            } else {
                do throws(DocumentFault) {
                    me.read(try DocumentValue(json: file.text, file: file.name))
                } catch {
                    me.reader.add([error])
                }
            }
        }
        if !tables.isEmpty { me.read(me.document(of: tables)) }
        let faults = me.reader.faults.sorted {
            ($0.place.file, $0.place.line, $0.field) < ($1.place.file, $1.place.line, $1.field)
        }
        return (me.draft, faults)
    }

    // MARK: Private

    private mutating func document(of tables: [NetworkTable: [DocumentValue]]) -> DocumentValue {
        let services = joined(
            tables[.services] ?? [],
            [(tables[.rates] ?? [], "service", "rates")],
            "services.csv",
        )
        let nodes = joined(
            tables[.nodes] ?? [],
            [
                (tables[.calendar] ?? [], "node", "calendar"),
                (exceptions(tables[.exceptions] ?? []), "node", "exceptions"),
                (tables[.lanes] ?? [], "node", "lanes"),
            ],
            "nodes.csv",
        )
        let place = DocumentPlace(file: "", line: 1)
        return DocumentValue(
            .object([
                DocumentMember("services", DocumentValue(.list(services), place)),
                DocumentMember("nodes", DocumentValue(.list(nodes), place)),
                DocumentMember("places", DocumentValue(.list(tables[.places] ?? []), place)),
            ]),
            place,
        )
    }

    /// Gives each row what rows of other tables say about it.
    private mutating func joined(
        _ rows: [DocumentValue],
        _ parts: [(rows: [DocumentValue], key: String, member: String)],
        _ table: String,
    ) -> [DocumentValue] {
        var rows = rows
        let names = rows.map { $0.text("name") }
        for part in parts {
            var groups: [String: [DocumentValue]] = [:]
            for row in part.rows {
                guard let name = row.text(part.key) else {
                    reader.fail(row.place, part.key, "is missing")
                    continue
                }
                if !names.contains(name) {
                    reader.fail(row.place, part.key, "\(name) is not in \(table)")
                    continue
                }
                groups[name, default: []].append(row.without(part.key))
            }
            for (index, name) in names.enumerated() {
                guard let name, let group = groups[name] else { continue }
                let list = DocumentValue(.list(group), group[0].place)
                rows[index].append(DocumentMember(part.member, list))
            }
        }
        return rows
    }

    /// Rows of one node and date are the windows of one day; a row without times closes the day.
    private mutating func exceptions(_ rows: [DocumentValue]) -> [DocumentValue] {
        var order: [[String]] = []
        var days: [[String]: (date: DocumentMember, windows: [DocumentValue], row: DocumentValue)] =
            [:]
        for row in rows {
            guard let date = row.member("date") else {
                reader.fail(row.place, "date", "is missing")
                continue
            }
            let key = [row.text("node") ?? "", row.text("date") ?? ""]
            if days[key] == nil {
                order.append(key)
                days[key] = (date, [], row)
            }
            let window = row.without("date").without("node")
            if case .object([]) = window.content { continue }
            days[key]?.windows.append(window)
        }
        return order.compactMap { key in
            guard let day = days[key] else { return nil }
            var members = [
                day.date,
                DocumentMember("windows", DocumentValue(.list(day.windows), day.row.place)),
            ]
            if let node = day.row.member("node") { members.append(node) }
            return DocumentValue(.object(members), day.row.place)
        }
    }
}

extension DocumentValue {
    fileprivate func member(_ name: String) -> DocumentMember? {
        guard case .object(let members) = content else { return nil }
        return members.first { $0.name == name }
    }

    fileprivate func text(_ name: String) -> String? {
        guard case .text(let text)? = member(name)?.value.content else { return nil }
        return text
    }

    fileprivate func without(_ name: String) -> DocumentValue {
        guard case .object(let members) = content else { return self }
        return DocumentValue(.object(members.filter { $0.name != name }), place)
    }

    fileprivate mutating func append(_ member: DocumentMember) {
        guard case .object(let members) = content else { return }
        content = .object(members + [member])
    }
}
