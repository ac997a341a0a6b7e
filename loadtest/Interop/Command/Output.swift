// Lines for whoever reads along, at once even when the output is a pipe.

internal import Foundation

func printLine(_ text: String) {
    FileHandle.standardOutput.write(Data("\(text)\n".utf8))
}

func printError(_ text: String) {
    FileHandle.standardError.write(Data("\(text)\n".utf8))
}
