// The methods of fulfilment that the tables call.

import Messages

/// Names each method with what goes in and out.
func addFulfilment(_ add: (String, WireMethod) -> Void) {
    add("ListWork", WireMethod(Holdfast_V1_ListWorkRequest.self, Holdfast_V1_ListWorkResponse.self))
    add(
        "ListShipments",
        WireMethod(Holdfast_V1_ListShipmentsRequest.self, Holdfast_V1_ListShipmentsResponse.self)
    )
    let shipment = Holdfast_V1_Shipment.self
    add("GetShipment", WireMethod(Holdfast_V1_GetShipmentRequest.self, shipment))
    add("AcceptShipment", WireMethod(Holdfast_V1_AcceptShipmentRequest.self, shipment))
    add("RejectShipment", WireMethod(Holdfast_V1_RejectShipmentRequest.self, shipment))
    add("PickShipment", WireMethod(Holdfast_V1_PickShipmentRequest.self, shipment))
    add("PackShipment", WireMethod(Holdfast_V1_PackShipmentRequest.self, shipment))
    add("ShipShipment", WireMethod(Holdfast_V1_ShipShipmentRequest.self, shipment))
    add("DeliverShipment", WireMethod(Holdfast_V1_DeliverShipmentRequest.self, shipment))
    add("RerouteOrder", WireMethod(Holdfast_V1_RerouteOrderRequest.self, Holdfast_V1_Order.self))
    add(
        "ListExceptions",
        WireMethod(Holdfast_V1_ListExceptionsRequest.self, Holdfast_V1_ListExceptionsResponse.self)
    )
    let exception = Holdfast_V1_OrderException.self
    add("GetException", WireMethod(Holdfast_V1_GetExceptionRequest.self, exception))
    add("ResolveException", WireMethod(Holdfast_V1_ResolveExceptionRequest.self, exception))
    add("RetryException", WireMethod(Holdfast_V1_RetryExceptionRequest.self, exception))
}
