// What the served protocols look like, for reflection. `ops/generate` writes the file from Protocols/.

/// The descriptors of the API and of the standard services beside it.
package enum ServedDescriptors {
    /// A serialized `google.protobuf.FileDescriptorSet`.
    package static var set: [UInt8] { PackageResources.served_binpb }
}
