// Carts of a file: a heading, and one row for each line of a cart.

internal import Messages

/// Reads carts.
enum CartFile {
    /// The carts of a file in the order of their first rows.
    ///
    /// - Parameter channel: of rows that name none.
    static func carts(
        _ text: String,
        channel: String,
    ) throws(CommandError) -> [Holdfast_V1_RouteRequest] {
        let records: [CSVRecord]
        do throws(CSVError) {
            records = try readCSV(Array(text.utf8))
        } catch {
            throw CommandError(.invalid, "line \(error.line): \(error.why)")
        }
        guard let heading = records.first else { throw CommandError(.invalid, "the file is empty") }
        var columns: [String: Int] = [:]
        for (index, name) in heading.fields.enumerated() {
            columns[name.lowercased()] = index
        }
        for name in ["order", "sku", "quantity", "country"] where columns[name] == nil {
            throw CommandError(.invalid, "line \(heading.line): there is no column \(name)")
        }
        var places: [String: Int] = [:]
        var carts: [Holdfast_V1_RouteRequest] = []
        for record in records.dropFirst() {
            func field(_ name: String) -> String {
                guard let column = columns[name], column < record.fields.count else { return "" }
                return record.fields[column]
            }
            guard let quantity = Int64(field("quantity")), quantity > 0 else {
                throw CommandError(
                    .invalid,
                    "line \(record.line): the quantity is \"\(field("quantity"))\"",
                )
            }
            let order = field("order")
            if places[order] == nil {
                places[order] = carts.count
                var cart = Holdfast_V1_RouteRequest()
                cart.destination.country = field("country")
                cart.destination.postalCode = field("postal_code")
                cart.channel = field("channel").isEmpty ? channel : field("channel")
                carts.append(cart)
            }
            let cart = places[order] ?? 0
            if let line = carts[cart].lines.firstIndex(where: { $0.sku == field("sku") }) {
                carts[cart].lines[line].quantity += quantity
                continue
            }
            var line = Holdfast_V1_CartLine()
            line.sku = field("sku")
            line.quantity = quantity
            carts[cart].lines.append(line)
        }
        return carts
    }
}
