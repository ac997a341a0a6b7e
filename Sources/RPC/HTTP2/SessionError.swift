// The one error of the HTTP/2 library that ends a connection.

internal import CNghttp2

/// A failure of the HTTP/2 session itself: the connection is of no more use.
struct SessionError: Error, CustomStringConvertible {
    /// The error code of the library; negative.
    let code: Int32

    var description: String {
        guard let text = unsafe nghttp2_strerror(code) else { return "HTTP/2 error \(code)" }
        return unsafe String(cString: text)
    }
}
