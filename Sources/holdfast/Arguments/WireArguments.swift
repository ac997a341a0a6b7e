// Arguments as parts of requests.

internal import Messages
internal import SwiftProtobuf

/// A line as a demand.
func demand(_ line: LineArgument) -> Holdfast_V1_Demand {
    var wire = Holdfast_V1_Demand()
    wire.sku = line.sku
    wire.node = line.node
    wire.quantity = line.quantity
    return wire
}

/// Units of a line of an order.
func lineQuantity(_ line: OrderLineArgument) -> Holdfast_V1_OrderLineQuantity {
    var wire = Holdfast_V1_OrderLineQuantity()
    wire.number = line.number
    wire.quantity = line.quantity
    return wire
}

/// A length of time.
func wireDuration(_ duration: DurationArgument) -> Google_Protobuf_Duration {
    var wire = Google_Protobuf_Duration()
    wire.seconds = duration.milliseconds / 1_000
    wire.nanos = Int32(duration.milliseconds % 1_000) * 1_000_000
    return wire
}

/// A moment.
func wireMoment(_ moment: MomentArgument) -> Google_Protobuf_Timestamp {
    var wire = Google_Protobuf_Timestamp()
    wire.seconds = moment.seconds
    return wire
}
