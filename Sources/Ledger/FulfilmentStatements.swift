// The statements of shipments, exceptions and re-routes, with the types of their parameters.

internal import Postgres

/// The statements of fulfilment.
enum FulfilmentStatements {
    private static let header = [OID.uuid, OID.uuid]
    private static let origin = [OID.text, OID.text, OID.text]

    static let changeShipment = Statement(
        "change_shipment",
        file: PackageResources.change_shipment_sql,
        header + [
            OID.uuid, OID.int2, OID.int4s, OID.int8s, OID.text, OID.text, OID.text, OID.text,
        ] + origin,
        mayTakeLong: true,
    )
    static let withdrawShipments = Statement(
        "withdraw_shipments",
        file: PackageResources.withdraw_shipments_sql,
        header + [OID.uuid, OID.uuids, OID.int2, OID.text] + origin,
        mayTakeLong: true,
    )
    static let readShipment = Statement(
        "read_shipment",
        file: PackageResources.read_shipment_sql,
        [OID.uuid, OID.uuid],
    )
    static let listShipments = Statement(
        "list_shipments",
        file: PackageResources.list_shipments_sql,
        [OID.uuid],
        mayTakeLong: true,
    )
    static let listWork = Statement(
        "list_work",
        file: PackageResources.list_work_sql,
        [OID.text, OID.int2s, OID.int4, OID.timestamptz, OID.uuid, OID.int8],
        mayTakeLong: true,
    )
    static let changeException = Statement(
        "change_exception",
        file: PackageResources.change_exception_sql,
        header + [OID.uuid, OID.int2, OID.text] + origin,
        mayTakeLong: true,
    )
    static let readException = Statement(
        "read_exception",
        file: PackageResources.read_exception_sql,
        [OID.uuid],
    )
    static let listExceptions = Statement(
        "list_exceptions",
        file: PackageResources.list_exceptions_sql,
        [OID.text, OID.text, OID.uuid, OID.int2, OID.timestamptz, OID.uuid, OID.int8],
        mayTakeLong: true,
    )
    static let countExceptions = Statement(
        "count_exceptions",
        file: PackageResources.count_exceptions_sql,
        [],
        mayTakeLong: true,
    )
    static let claimReroutes = Statement(
        "claim_reroutes",
        file: PackageResources.claim_reroutes_sql,
        [OID.int4, OID.int4, OID.int4],
        mayTakeLong: true,
    )
    static let swapReroute = Statement(
        "swap_reroute",
        file: PackageResources.swap_reroute_sql,
        [OID.uuid, OID.uuid, OID.uuid] + origin,
        mayTakeLong: true,
    )
    static let giveUpReroute = Statement(
        "give_up_reroute",
        file: PackageResources.give_up_reroute_sql,
        [OID.uuid, OID.uuid, OID.int4s, OID.text] + origin,
        mayTakeLong: true,
    )
    static let postponeReroute = Statement(
        "postpone_reroute",
        file: PackageResources.postpone_reroute_sql,
        [OID.uuid, OID.int4, OID.bool, OID.text],
    )
    static let closedShipments = Statement(
        "closed_shipments",
        file: PackageResources.closed_shipments_sql,
        [OID.int4],
        mayTakeLong: true,
    )
    static let freeStock = Statement(
        "free_stock",
        file: PackageResources.free_stock_sql,
        [OID.texts, OID.text],
        mayTakeLong: true,
    )
}
