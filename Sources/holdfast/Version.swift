// The one place that says which version this is.

/// The version of this program, as `--version`, the build-info metric and the client's user agent
/// say it.
let holdfastVersion = "0.1.0"
