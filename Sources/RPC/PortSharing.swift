// The two names of the system that listening on one port from several loops needs.

internal import NIOCore

#if canImport(Glibc)
private import Glibc
#endif

/// Lets several listeners of one user share a port; the kernel spreads connections over them.
let portSharing = NIOBSDSocket.Option(rawValue: SO_REUSEPORT)

/// Whether `error` says that somebody listens on that address.
func isAddressInUse(_ error: any Error) -> Bool {
    (error as? IOError)?.errnoCode == EADDRINUSE
}
