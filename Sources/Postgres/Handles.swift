// Owners of the two kinds of objects that libpq hands out: each is freed exactly once.

internal import CLibpq

/// Owns a connection of libpq; the end of the value closes it.
@safe struct ConnectionHandle: ~Copyable {
    let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) {
        unsafe self.pointer = unsafe pointer
    }

    deinit {
        unsafe PQfinish(pointer)
    }

    /// What libpq last complained about, without its final line break.
    var errorMessage: String {
        guard let text = unsafe PQerrorMessage(pointer) else { return "" }
        var message = unsafe String(cString: text)
        while message.last?.isNewline == true { message.removeLast() }
        return message
    }
}

/// Owns a result of libpq.
@safe struct ResultHandle: ~Copyable {
    let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) {
        unsafe self.pointer = unsafe pointer
    }

    deinit {
        unsafe PQclear(pointer)
    }

    /// A field of the server's error message, see `PG_DIAG_…`; nil when it is not there.
    func errorField(_ code: Character) -> String? {
        guard let ascii = code.asciiValue,
            let text = unsafe PQresultErrorField(pointer, Int32(ascii))
        else { return nil }
        return unsafe String(cString: text)
    }

    /// The server's error; nil when libpq made this result up because the connection ended.
    func serverError() -> (error: PostgresError, endsConnection: Bool)? {
        guard let sqlstate = errorField("C") else { return nil }
        var error = PostgresError(.server(sqlstate: sqlstate), errorField("M") ?? "")
        error.detail = errorField("D")
        error.hint = errorField("H")
        error.constraint = errorField("n")
        error.position = errorField("P").flatMap { Int($0) }
        // "V" is the severity that is never translated.
        let severity = errorField("V") ?? "ERROR"
        return (error, severity == "FATAL" || severity == "PANIC")
    }
}
