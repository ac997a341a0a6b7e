// The statements of stock and orders, with the types of their parameters. The texts are files.

internal import Postgres

/// The statements of stock.
enum StockStatements {
    private static let header = [OID.uuid, OID.uuid]
    private static let origin = [OID.text, OID.text, OID.text]

    static let applyMovements = Statement(
        "apply_movements",
        file: PackageResources.apply_movements_sql,
        header + [
            OID.texts, OID.texts, OID.int2s, OID.int8s, OID.int8s, OID.int8s, OID.int8s, OID.bools,
            OID.texts, OID.int2,
        ] + origin + [OID.text, OID.text],
        mayTakeLong: true,
    )
    static let receiveTransfer = Statement(
        "receive_transfer",
        file: PackageResources.receive_transfer_sql,
        header + [OID.uuid] + origin,
        mayTakeLong: true,
    )
    static let setSafetyStock = Statement(
        "set_safety_stock",
        file: PackageResources.set_safety_stock_sql,
        header + [OID.text, OID.text, OID.int8, OID.text] + origin,
        mayTakeLong: true,
    )
    static let setIncoming = Statement(
        "set_incoming",
        file: PackageResources.set_incoming_sql,
        header + [OID.text, OID.text, OID.text, OID.int8, OID.timestamptz] + origin,
        mayTakeLong: true,
    )
    static let readAvailability = Statement(
        "read_availability",
        file: PackageResources.read_availability_sql,
        [OID.texts, OID.texts, OID.timestamptz],
        mayTakeLong: true,
    )
    static let listPositions = Statement(
        "list_positions",
        file: PackageResources.list_positions_sql,
        [OID.text, OID.text, OID.text, OID.int8],
        mayTakeLong: true,
    )
    static let listPositionsOfNode = Statement(
        "list_positions_of_node",
        file: PackageResources.list_positions_of_node_sql,
        [OID.text, OID.text, OID.text, OID.int8],
        mayTakeLong: true,
    )
    static let listLedger = Statement(
        "list_ledger",
        file: PackageResources.list_ledger_sql,
        [OID.text, OID.text, OID.int8, OID.int4, OID.int8],
        mayTakeLong: true,
    )
    static let unknownPart = Statement(
        "unknown_part",
        file: PackageResources.unknown_part_sql,
        [OID.text, OID.text],
    )
}

/// The statements of orders.
enum OrderStatements {
    static let placeOrder = Statement(
        "place_order",
        file: PackageResources.place_order_sql,
        [
            OID.uuid, OID.uuid, OID.uuid, OID.bool, OID.text, OID.text, OID.text, OID.text,
            OID.timestamptz, OID.texts, OID.texts, OID.int8s, OID.int8s, OID.text, OID.text,
            OID.text,
        ],
        mayTakeLong: true,
    )
    static let changeOrder = Statement(
        "change_order",
        file: PackageResources.change_order_sql,
        [
            OID.uuid, OID.uuid, OID.uuid, OID.int2, OID.int4s, OID.int8s, OID.text, OID.text,
            OID.text, OID.text,
        ],
        mayTakeLong: true,
    )
    static let readOrder = Statement(
        "read_order",
        file: PackageResources.read_order_sql,
        [OID.uuid],
    )
    static let externalOrderKey = Statement(
        "external_order_key",
        file: PackageResources.external_order_key_sql,
        [OID.text, OID.text],
    )
    static let isOrderDecided = Statement(
        "is_order_decided",
        file: PackageResources.is_order_decided_sql,
        [OID.uuid, OID.text, OID.text],
    )
    static let listOrders = Statement(
        "list_orders",
        file: PackageResources.list_orders_sql,
        [
            OID.int2, OID.text, OID.timestamptz, OID.timestamptz, OID.timestamptz, OID.uuid,
            OID.int8,
        ],
        mayTakeLong: true,
    )
}
