// The network and rule sets as tables, and documents on their way to a server.

internal import Foundation
internal import Messages
internal import SwiftProtobuf

/// Nodes, one per line.
func nodesText(_ answer: Holdfast_V1_ListNodesResponse) -> String {
    var table = Table([
        .text("NODE"), .text("KIND"), .text("STATUS"), .text("COUNTRY"), .text("TIME ZONE"),
        .number("PRIORITY"), .number("HANDLING"), .number("PER SHIPMENT"), .number("PER UNIT"),
        .text("ABILITIES"), .text("SERVICES"),
    ])
    for node in answer.nodes {
        table.add([
            node.name, node.kind == .nodeKind3Pl ? "3PL" : caseName(node.kind),
            caseName(node.status), node.country, node.timeZone, "\(node.priority)",
            "\(node.handlingMinutes) min", "\(node.shipmentCostMinor)", "\(node.unitCostMinor)",
            node.abilities.joined(separator: " "), node.services.joined(separator: " "),
        ])
    }
    return table.text + "network version \(answer.version)\n"
}

/// Slots, one per line.
func slotsText(_ slots: [Holdfast_V1_NodeSlot]) -> String {
    var table = Table([
        .text("DAY"), .number("WINDOW"), .text("OPENS"), .text("CLOSES"), .number("ORDERS"),
        .number("TAKEN"), .number("FREE"), .number("UNITS"), .number("TAKEN"), .number("FREE"),
        .text("SET"),
    ])
    for slot in slots {
        table.add(
            [slot.day, "\(slot.window)", momentText(slot.opensAt), momentText(slot.closesAt)]
                + figures(slot.orders, isLimited: slot.hasOrders)
                + figures(slot.units, isLimited: slot.hasUnits)
                + [slot.isByHand ? "by hand" : "by calendar"]
        )
    }
    return table.text
}

private func figures(_ capacity: Holdfast_V1_SlotCapacity, isLimited: Bool) -> [String] {
    if !isLimited { return ["any", "", ""] }
    return ["\(capacity.capacity)", "\(capacity.taken)", "\(capacity.free)"]
}

/// Changes of the network, one per line.
func networkChangesText(_ changes: [Holdfast_V1_NetworkChange]) -> String {
    var table = Table([
        .number("VERSION"), .text("AT"), .text("KIND"), .text("BY"), .text("REQUEST"),
        .text("WHAT"), .text("NOTE"),
    ])
    for change in changes {
        table.add([
            "\(change.version)", momentText(change.at), change.kind, change.principal,
            change.requestID, shortText(change.changes), change.note,
        ])
    }
    return table.text
}

/// The first few of many; --json has all of them.
private func shortText(_ changes: [String]) -> String {
    let shown = changes.prefix(4).joined(separator: "; ")
    return changes.count > 4 ? shown + "; and \(changes.count - 4) more" : shown
}

/// Rule sets, one per line.
func ruleSetsText(_ sets: [Holdfast_V1_RuleSet]) -> String {
    var table = Table([.text("RULE SET"), .number("VERSION"), .text("PUT"), .text("CHANNELS")])
    for set in sets {
        table.add([
            set.name, "\(set.version)", momentText(set.putAt),
            set.channels.joined(separator: " "),
        ])
    }
    return table.text
}

/// Changes of rule sets, one per line.
func ruleChangesText(_ changes: [Holdfast_V1_RuleChange]) -> String {
    var table = Table([
        .number("NO"), .text("AT"), .text("CHANNEL"), .text("RULE SET"), .text("VERSION"),
        .text("BY"), .text("REQUEST"), .text("NOTE"),
    ])
    for change in changes {
        table.add([
            "\(change.number)", momentText(change.at), change.channel,
            change.name.isEmpty ? "standard" : change.name,
            change.version == 0 ? "latest" : "\(change.version)", change.principal,
            change.requestID, change.note,
        ])
    }
    return table.text
}

// MARK: Documents

/// A file as the server takes it.
func documentFile(_ path: String) throws -> Holdfast_V1_DocumentFile {
    var file = Holdfast_V1_DocumentFile()
    file.name = path
    do {
        file.text = try String(contentsOfFile: path, encoding: .utf8)
    } catch {
        let why = (error as NSError).localizedDescription
        throw CommandError(.invalid, "cannot read \(path): \(why)")
    }
    return file
}

/// A fault on one line, as `nodes.csv:12: opens: ...`.
func faultText(_ fault: Holdfast_V1_DocumentFault) -> String {
    let place = "\(fault.file):\(fault.line)"
    let field = fault.field.isEmpty ? place : "\(place): \(fault.field)"
    return printable("\(field): \(fault.description_p)")
}

/// Ends the command when one of the faults is more than a warning; tells all of them.
func refuse(_ faults: [Holdfast_V1_DocumentFault]) throws {
    let errors = faults.filter { !$0.isWarning }
    if errors.isEmpty { return }
    var error = CommandError(
        .invalid,
        "\(counted(errors.count, "fault")) in the documents; nothing was changed",
    )
    error.violations = faults.map { fault in
        let place = "\(fault.file):\(fault.line)"
        return .init(
            field: fault.field.isEmpty ? place : "\(place): \(fault.field)",
            description: fault.isWarning ? "warning: \(fault.description_p)" : fault.description_p,
        )
    }
    throw error
}

/// JSON with a member on each line, for people; the order stays.
func indentedJSON(_ text: String) -> String {
    var result = ""
    var depth = 0
    var isInText = false
    var isEscaped = false
    var previous: Character = " "
    let newLine = { (depth: Int) in "\n" + String(repeating: "  ", count: depth) }
    for character in text {
        defer { previous = character }
        if isInText {
            result.append(character)
            if isEscaped {
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                isInText = false
            }
            continue
        }
        switch character {
        case "}", "]":
            depth -= 1
            let isEmpty = previous == "{" || previous == "["
            result += (isEmpty ? "" : newLine(depth)) + String(character)
            continue
        case ",": result += "," + newLine(depth)
        case ":": result += ": "
        default:
            if previous == "{" || previous == "[" { result += newLine(depth) }
            result.append(character)
            if character == "{" || character == "[" { depth += 1 }
            if character == "\"" { isInText = true }
        }
    }
    return result + "\n"
}
