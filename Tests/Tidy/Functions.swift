// Finds the functions of Swift code by counting braces. It sees code without comments and
// literals; a body that it cannot find is left out, never guessed.

/// A function: the line of its keyword (from 1) and its lines up to the closing brace.
struct FunctionExtent: Equatable {
    var line: Int
    var length: Int
}

/// The functions, initialisers, deinitialisers and subscripts with a body, in order.
func functions(in code: [String]) -> [FunctionExtent] {
    let tokens = tokens(of: code)
    return tokens.indices.compactMap { index in
        let token = tokens[index]
        guard ["func", "init", "deinit", "subscript"].contains(token.text) else { return nil }
        // A call such as `self.init(...)` declares nothing.
        if index > 0, tokens[index - 1].text == "." { return nil }
        guard let end = bodyEnd(tokens[(index + 1)...]) else { return nil }
        return FunctionExtent(line: token.line, length: end - token.line + 1)
    }
}

private struct Token {
    var text: String
    var line: Int
}

/// Words one by one and the punctuation that matters; the rest is left out.
private func tokens(of code: [String]) -> [Token] {
    var tokens: [Token] = []
    for (index, line) in code.enumerated() {
        var word = ""
        for character in line + " " {
            if character.isWordPart {
                word.append(character)
                continue
            }
            if !word.isEmpty { tokens.append(Token(text: word, line: index + 1)) }
            word = ""
            if "(){}[].".contains(character) {
                tokens.append(Token(text: String(character), line: index + 1))
            }
        }
    }
    return tokens
}

/// The line of the brace that closes the body; nil when a declaration without body ends first.
private func bodyEnd(_ tokens: ArraySlice<Token>) -> Int? {
    var parentheses = 0
    var braces = 0
    for token in tokens {
        switch token.text {
        case "(", "[": parentheses += 1
        case ")", "]": parentheses -= 1
        case "{" where parentheses == 0 || braces > 0: braces += 1
        case "}" where braces > 0:
            braces -= 1
            if braces == 0 { return token.line }
        case "}" where parentheses == 0: return nil
        case "func", "init", "deinit", "subscript", "var", "let", "case", "associatedtype":
            if braces == 0, parentheses == 0 { return nil }
        default: break
        }
    }
    return nil
}
