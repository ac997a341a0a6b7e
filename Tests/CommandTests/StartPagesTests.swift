// The pages of the start are given back, and nothing else.

import Testing

@testable import holdfast

@Suite
struct StartPagesTests {
    @Test
    func `only what may be executed and not written is text`() {
        #expect(
            StartPages.textRange("1000-3000 r-xp 00000000 fe:00 42  /bin/it") == 0x1000..<0x3000
        )
        #expect(StartPages.textRange("1000-3000 r--p 00000000 fe:00 42  /bin/it") == nil)
        #expect(StartPages.textRange("1000-3000 rwxp 00000000 fe:00 42  /bin/it") == nil)
        #expect(StartPages.textRange("3000-1000 r-xp 00000000 fe:00 42  /bin/it") == nil)
        #expect(StartPages.textRange("1000-3000 r-xp") == nil)
        #expect(StartPages.textRange("") == nil)
    }

    @Test
    func `the program goes on without the pages of its start`() {
        #expect(StartPages.giveBack() > 1_000_000)
        #expect(StartPages.textRange("1000-3000 r-xp 00000000 fe:00 42  /bin/it")?.count == 0x2000)
    }
}
