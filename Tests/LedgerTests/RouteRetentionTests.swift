// Decisions that nobody reserved by are forgotten when they are old; those of reservations never.

import Base
import Domain
import Promising
import Testing

@testable import Ledger

@Suite struct RouteRetentionTests {
    @Test func `only old previews are forgotten, the oldest first, so many at a time`() async throws
    {
        try await withStore { store in
            try store.sql(
                """
                INSERT INTO route_previews
                    SELECT md5('preview/' || i)::uuid, now() - i * interval '1 day', '', 1, 'web', 1,
                        '', '' FROM generate_series(0, 9) AS i;
                INSERT INTO route_decisions
                    SELECT md5('decision/' || i)::uuid, 1, now() - i * interval '1 day', '', 1, 'web',
                        1, '', '' FROM generate_series(0, 9) AS i
                """
            )
            func ages() throws -> String {
                try store.sql(
                    """
                    SELECT string_agg(((extract(epoch FROM now() - at) + 60)::int / 86400)::text, ' '
                        ORDER BY at DESC) FROM route_previews
                    """
                )
            }
            let retention = RouteRetention(postgres: store.postgres)
            #expect(try await retention.forget(olderThan: 5, count: 3) == 3)
            #expect(try ages() == "0 1 2 3 4 5 6")
            #expect(try await retention.forget(olderThan: 5, count: 3) == 2)
            #expect(try ages() == "0 1 2 3 4")
            #expect(try await retention.forget(olderThan: 5, count: 3) == 0)
            #expect(try store.sql("SELECT count(*) FROM route_decisions") == "10")
        }
    }
}
